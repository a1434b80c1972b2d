# The chores of the house. `make up` starts a server, `make test` is what decides about a change.

BIN     := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Extras stay in the lists: without them, pip takes the newest release for what asks for an extra, and has no hash of it.
COMPILE := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --no-strip-extras \
           --allow-unsafe --no-emit-options --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

# Thousands of tests sync their own databases; what they have to show survives a kill, in memory as on a disk.
ROOMY := $(shell [ "$$(df --output=avail /dev/shm 2>/dev/null | tail -1)" -gt 4000000 ] 2>/dev/null && echo /dev/shm || echo /tmp)

# Whoever says that no bytecode is to be kept has every command and every server compile this house anew, a quarter of
# what most commands take; and each of a thousand commands that tests start, and each of their workers all tests.
unexport PYTHONDONTWRITEBYTECODE

# Clients and servers wait for each other now and then: one worker more than there are cores.
PYTEST = TMPDIR=$(ROOMY) $(BIN)/pytest -p no:cacheprovider -n $$(($$(nproc) + 1))

.DEFAULT_GOAL := help
.PHONY: help up test coverage test-postgresql test-crash test-long lint format conformance bench bench-acme bench-crl bench-crowd bench-desk bench-est bench-fleet bench-guesses \
        bench-journal bench-scale bench-soak bench-status bench-workers screenshots wheel lock clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' Makefile

up: .venv/.server  ## start a server, with an example registration the first time
	@requirements/fonts
	@server/web/assets/install
	@server/portal/script/build
	@exec $(BIN)/soapstone up

test: lint  ## everything: style, types, imports, tests, real clients, coverage
	conformance/install
	server/web/assets/install --required
	server/portal/script/build --required
	$(PYTEST) --cov --cov-report=
	$(BIN)/coverage report --include="$$($(BIN)/python -m tests.architecture.pure)" --fail-under=100

coverage:  ## what of all rooms the last `make test` has seen; only the pure files have a gate
	$(BIN)/coverage report

test-postgresql: .venv/.tools  ## the contract of the store, and all that is asked over the wire, on PostgreSQL
	conformance/install
	SOAPSTONE_TEST_STORE=postgresql $(PYTEST) tests/contract conformance

test-crash: .venv/.tools  ## pull the plug at 300 system calls, and see that nothing promised is lost
	SOAPSTONE_CRASH_POINTS=300 $(BIN)/pytest conformance/crash

test-long: .venv/.tools  ## ACME against a model of it for 20,000 steps, and 100,000 requests to ACME and to EST that were good once
	SOAPSTONE_MACHINE_STEPS=20000 SOAPSTONE_MUTATIONS=100000 TMPDIR=$(ROOMY) $(BIN)/pytest tests/properties

lint: .venv/.tools  ## style, types and who may know whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: .venv/.tools  ## put the code into its one layout
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

conformance: .venv/.tools  ## only the standards, clause by clause, and the clients that nobody here wrote
	conformance/install
	$(PYTEST) conformance $$($(BIN)/python -m conformance.clauses --unit-tests)
	@$(BIN)/python -m conformance.clauses

screenshots: .venv/.tools  ## take the pictures of all pages anew, for the documents and for whoever looks at them
	conformance/install
	server/web/assets/install --required
	server/portal/script/build --required
	TMPDIR=$(ROOMY) $(BIN)/python -m conformance.screenshots

wheel: .venv/.server  ## pack what an operator installs into dist/, with all that pages load
	server/web/assets/install --required
	server/portal/script/build --required
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

bench: .venv/.tools  ## measure what the documents promise, all of it, into one table; a missed gate ends it
	$(BIN)/python -m bench

bench-acme: .venv/.tools  ## whole ACME issuances: rate, latency, CPU and memory
	$(BIN)/python -m bench.acme

bench-crl: .venv/.tools  ## a CRL of a million entries: seconds, memory, and who waits for it
	$(BIN)/python -m bench.crl

bench-crowd: .venv/.tools  ## 1,200 idle and slow connections: who waits for them
	$(BIN)/python -m bench.crowd

bench-desk: .venv/.tools  ## the desk's lists, pages and API with 10, 10^4 and 10^6 registrations and certificates
	$(BIN)/python -m bench.desk

bench-est: .venv/.tools  ## EST enroll and re-enroll, beside aiohttp that only answers
	$(BIN)/python -m bench.est

bench-fleet: .venv/.tools  ## 2,000 devices enroll and renew, each on a new TLS connection
	$(BIN)/python -m bench.fleet

bench-guesses: .venv/.tools  ## 200 wrong secrets a second: who waits for them
	$(BIN)/python -m bench.guesses

bench-journal: .venv/.tools  ## a journal of a million rows: seconds and memory that proving it takes
	$(BIN)/python -m bench.journal

bench-scale: .venv/.tools  ## a million certificates stored: rate and start
	$(BIN)/python -m bench.scale

bench-soak: .venv/.tools  ## 50,000 issuances: the memory of a worker
	$(BIN)/python -m bench.soak

bench-status: .venv/.tools  ## OCSP answers and CRLs a second from one core, by wrk
	$(BIN)/python -m bench.status

bench-workers: .venv/.tools  ## two workers on PostgreSQL against one
	$(BIN)/python -m bench.workers

# The order matters: what the server runs with is decided first, and the tools bend to it.
lock: .venv/.tools  ## choose versions anew and write them down with their hashes
	for list in runtime build test certbot acme2certifier; do \
	    $(COMPILE) --upgrade --output-file requirements/$$list.txt requirements/$$list.in || exit; \
	done

clean:  ## remove environments, caches and builds; never a server's home
	rm -rf .venv .clients build dist htmlcov .coverage .hypothesis $(addprefix server/web/assets/,pico.css pico.lock portal.js keys.js scripts.sum)
	rm -rf .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find server protocols ca_core tests conformance bench -name __pycache__ -prune -exec rm -rf {} +

# An empty file in the environment remembers that a step was done.

.venv/.made: requirements/make-venv
	requirements/make-venv .venv
	@touch $@

.venv/.server: .venv/.made requirements/runtime.txt requirements/build.txt pyproject.toml
	$(INSTALL) --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.tools: .venv/.server requirements/test.txt
	$(INSTALL) --require-hashes -r requirements/test.txt
	@touch $@

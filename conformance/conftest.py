"""A running server for each test that asks for one, and which tests have to stay together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from conformance import postgresql, stores
from conformance.house import House

_A_SERVER_EACH = frozenset(
    {
        "test_authority",
        "test_crl",
        "test_curl",
        "test_journal",
        "test_ocsp",
        "test_operator",
        "test_power_cut",
        "test_profiles",
        "test_revocation",
        "test_token",
    }
)
"""Files whose tests share nothing, so that the workers may divide them; the others would make their servers twice."""


def pytest_sessionfinish() -> None:
    """Leave no database running."""
    postgresql.end()


@pytest.fixture
def store(request: pytest.FixtureRequest) -> str:
    """What `store.url` says in the house of a test: a test of SQLite's own files has them in every run."""
    return stores.IN_A_FILE if request.node.get_closest_marker("in_a_file") else stores.new()


@pytest.fixture(scope="module", autouse=True)
def _is_not_measured() -> Iterator[None]:
    """The server is another process; measuring what its clients do here would tell nothing, and cost a third of it."""
    measuring = coverage.Coverage.current()
    if measuring is not None:
        measuring.stop()
    yield
    if measuring is not None:
        measuring.start()


@pytest.fixture
def house(tmp_path: Path, store: str) -> Iterator[House]:
    built = House(tmp_path, store=store)
    built.start()
    yield built
    built.close()


class Together(LoadScopeScheduling):
    """Divides the tests among workers, and keeps those of one server together."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, _ = nodeid.partition("::")
        path = Path(file)
        if path.parts[0] != "conformance" or path.stem in _A_SERVER_EACH:
            return nodeid
        if path.parent.name == "rfc8555":
            return "rfc8555"
        return "hostile-acme" if path.stem.startswith("test_acme_") and path.parent.name == "hostile" else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Together:
    """What `pytest --numprocesses` asks for."""
    return Together(config, log)

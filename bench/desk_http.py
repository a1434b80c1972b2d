"""The desk's pages and its API over HTTP, as an officer's browser and program ask: mutual TLS, one kept connection."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bench import desk_filling, ours, processes, report
from bench.ours import Home
from bench.report import Row, Run, quantiles
from bench.status import soapstone
from conformance.acme import csr, new_key

OFFICER = "alice"
_PEM = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
_DESK_PORT = 2
_STRIDE = 7_919
_OK = 200

PathOf = Callable[[int], str]
"""The path of a page, for the registration with a number."""

PAGES: Mapping[str, PathOf] = {
    "page: overview": lambda _: "/",
    "page: registrations": lambda _: "/registrations",
    "page: registrations, by a word": lambda n: f"/registrations?text={desk_filling.account(n)}",
    "page: a registration": lambda n: f"/registrations/{desk_filling.account(n)}",
    "page: certificates": lambda _: "/certificates",
    "page: certificates, by name": lambda n: f"/certificates?name={desk_filling.name(n)}",
    "page: journal": lambda _: "/journal",
    "page: requests": lambda _: "/requests",
    "API: registrations": lambda _: "/api/v1/registrations",
    "API: a registration": lambda n: f"/api/v1/registrations/{desk_filling.account(n)}",
    "API: certificates": lambda _: "/api/v1/certificates",
    "API: journal": lambda _: "/api/v1/journal",
    "API: requests": lambda _: "/api/v1/requests",
}


class Officer:
    """One connection that an officer's certificate has opened."""

    def __init__(self, home: Home, certificate: Path) -> None:
        context = ssl.create_default_context(cafile=str(home.folder / "trust.pem"))
        context.load_cert_chain(certificate)
        port = home.port + _DESK_PORT
        self._connection = http.client.HTTPSConnection("localhost", port, timeout=60, context=context)

    def get(self, path: str) -> bytes:
        """A page, which there must be."""
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != _OK:
            raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
        return body

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def taken_on(home: Home, folder: Path) -> Path:
    """Take an officer on while nobody serves; returns the file with their certificate and key."""
    key = new_key()
    request, file = folder / "officer.csr", folder / "officer.pem"
    request.write_bytes(csr(key))
    made = soapstone(home.folder, "officer", "add", OFFICER, "--role", "officer", "--csr", str(request), "--json")
    file.write_bytes(json.loads(made)["certificate"].encode() + key.private_bytes(*_PEM))
    return file


@contextmanager
def connected(home: Home, certificate: Path) -> Iterator[Officer]:
    """An officer at the desk, for the length of the block."""
    officer = Officer(home, certificate)
    try:
        yield officer
    finally:
        officer.close()


def measure(home: Home, certificate: Path, size: int, *, runs: int, pages: int, core: int) -> list[Row]:
    """Each page so many times in each run, one after the other, each time about somebody else."""
    rows = []
    with ours.serving(home, core) as pid, connected(home, certificate) as officer:
        for label, path in PAGES.items():
            officer.get(path(0))
            done = [_run(officer, path, range(at * pages, (at + 1) * pages), size, pid) for at in range(runs)]
            rows.append(report.row(f"{label}, {size:,}", done, unit="pages/s"))
    return rows


def _run(officer: Officer, path: PathOf, turns: range, size: int, pid: int) -> Run:
    milliseconds, pages = [], len(turns)
    start, used, own = time.perf_counter(), processes.cpu(pid), time.process_time()
    for turn in turns:
        before = time.perf_counter()
        officer.get(path(turn * _STRIDE % size))
        milliseconds.append((time.perf_counter() - before) * 1_000)
    took, own = time.perf_counter() - start, time.process_time() - own
    return Run(pages / took, *quantiles(milliseconds), (processes.cpu(pid) - used) / pages, own * 1_000 / pages)

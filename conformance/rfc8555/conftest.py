"""One server for all clauses, and accounts with vetted and with challenged names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from conformance.acme import Client
from conformance.house import House
from conformance.responder import Responder, responder

VETTED = "vetted.example"
PROVED = "proved.localhost"
"""Every name below means loopback (RFC 6761, 6.3), where the responder is."""


# For the session: tests come in random order, and a server for each module of clauses would be dear.
@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("rfc8555"))
    built.start()
    yield built
    built.close()


@pytest.fixture(scope="session")
def site(shared: House) -> Iterator[Responder]:
    with responder(shared.http_01_port) as opened:
        yield opened


@pytest.fixture(scope="session")
def sheet(shared: House) -> dict[str, Any]:
    names = ("--zone", VETTED, "--dns", f"*.{VETTED}", "--ip", "192.0.2.7", "--ip", "2001:db8::7")
    return shared.register("--kind", "partner", "--subject", "CN=Vetted,C=TW", *names)


@pytest.fixture(scope="session")
def challenged_sheet(shared: House) -> dict[str, Any]:
    return shared.register(*("--kind", "partner", "--subject", "CN=Proved,C=TW", "--zone", PROVED, "--challenged"))


@pytest.fixture
def client(shared: House, sheet: dict[str, Any]) -> Client:
    """An account whose names need no challenge."""
    made = Client(shared)
    assert made.new_account(sheet["eab"]).status == 201
    return made


@pytest.fixture
def challenged(shared: House, challenged_sheet: dict[str, Any]) -> Client:
    """An account whose names do."""
    made = Client(shared)
    assert made.new_account(challenged_sheet["eab"]).status == 201
    return made

"""One server for all attacks on ACME and one for those on the portal, and accounts to attack with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from conformance.acme import Answer, Client
from conformance.hostile.portal import Subscriber
from conformance.house import House

ZONE = "partner.example"


# For the session: tests come in random order, and a server for each module of attacks would be dear.
@pytest.fixture(scope="session")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("acme"))
    built.start()
    yield built
    built.close()


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Asks for no proof of work: what else is looked at is not to wait behind it."""
    built = House(tmp_path_factory.mktemp("portal"), "portal.gate=off", "limits.arrival_seconds=8")
    built.start()
    yield built
    assert "event=bug" not in built.log, built.log[-4000:]
    built.close()


@pytest.fixture
def victim(portal: House) -> Subscriber:
    """Somebody new for each test, signed in."""
    made = Subscriber(portal)
    made.enter()
    return made


# For the module: a session that was not used for a while ends, and an old one makes no keys.
@pytest.fixture(scope="module")
def mallory(portal: House) -> Subscriber:
    """A subscriber as good as any other, who is out for what is others'."""
    made = Subscriber(portal)
    made.enter()
    return made


def registered(house: House, *options: str) -> dict[str, Any]:
    """The sheet of a registration of its own."""
    return house.register("--kind", "partner", "--subject", "CN=Partner,C=TW", "--zone", ZONE, *options)


@pytest.fixture(scope="session")
def sheet(acme: House) -> dict[str, Any]:
    return registered(acme, "--ip", "192.0.2.7")


@pytest.fixture
def client(acme: House, sheet: dict[str, Any]) -> Client:
    """An account of its own for each test."""
    return account(acme, sheet)


@pytest.fixture(scope="session")
def stranger(acme: House) -> Client:
    """An account of somebody else."""
    return account(acme, acme.register("--kind", "partner", "--subject", "CN=Stranger,C=TW", "--zone", "other.example"))


def account(house: House, sheet: dict[str, Any]) -> Client:
    made = Client(house)
    assert made.new_account(sheet["eab"]).status == 201
    return made


def refused(answer: Answer, status: int, problem: str) -> None:
    """It is this refusal, and comes with what every error comes with."""
    assert (answer.status, answer.problem) == (status, problem), answer.body
    assert answer.headers["Replay-Nonce"]
    assert 'rel="index"' in str(answer.headers.get_all("Link"))


def state(client: Client) -> list[bytes]:
    """All that an account shows of itself: that nothing has changed is seen by comparing."""
    shown = [client.post(str(client.account)), client.post(f"{client.account}/orders")]
    shown += [client.post(url) for url in shown[1].json["orders"]]
    assert {answer.status for answer in shown} == {200}
    return [answer.body for answer in shown]

"""What every implementation of the probes' port does: the network's, and the double that stands in for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import pytest

from ca_core import names
from conformance.dns import Hostile, Responder
from protocols.acme import challenges
from protocols.acme.caa import CaaRecord
from protocols.acme.probes import CaaFound, Probes, Question, Seen
from server.probes.network import NetworkProbes
from server.probes.policy import ProbePolicy
from tests.builders.acme import StagedProbes

KEY_AUTHORIZATION = "token.thumbprint"
RECORD = CaaRecord(critical=True, tag="issue", value="ca.example")


class World(ABC):
    """Names, and what is to be seen of them."""

    probes: Probes

    @abstractmethod
    def show(self, name: str, *, right: bool) -> None: ...

    @abstractmethod
    def permit(self, name: str) -> None: ...

    @abstractmethod
    def silence(self, name: str) -> None: ...


class Staged(World):
    def __init__(self) -> None:
        self.probes = self._staged = StagedProbes()

    def show(self, name: str, *, right: bool) -> None:
        self._staged.staged[name] = Seen(right, "" if right else "incorrectResponse", "" if right else "it was not")

    def permit(self, name: str) -> None:
        self._staged.caa_records[name] = CaaFound(name, (RECORD,))

    def silence(self, name: str) -> None:
        self._staged.staged[name] = Seen(proved=False, problem="dns", detail="nobody answers")
        self._staged.caa_records[name] = CaaFound(trouble="nobody answers")


class Real(World):
    def __init__(self, dns: Responder) -> None:
        self._dns = dns
        self.probes = NetworkProbes(ProbePolicy(resolvers=(dns.address,), total_seconds=1))

    def show(self, name: str, *, right: bool) -> None:
        text = challenges.txt_value(KEY_AUTHORIZATION) if right else "something else"
        self._dns.add(f"_acme-challenge.{name}", "TXT", text)

    def permit(self, name: str) -> None:
        self._dns.add(name, "CAA", '128 issue "ca.example"')

    def silence(self, name: str) -> None:
        self._dns.misbehave(name, Hostile.SERVFAIL)
        self._dns.misbehave(f"_acme-challenge.{name}", Hostile.SERVFAIL)


@pytest.fixture(params=["staged", "network"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "staged":
        yield Staged()
        return
    with Responder() as dns:
        yield Real(dns)


async def look(world: World) -> Seen:
    question = Question(challenges.DNS_01, names.dns("a.example"), "token", KEY_AUTHORIZATION, "")
    return await world.probes.look(question)


async def test_the_right_answer_proves_and_there_is_nothing_more_to_say(world: World) -> None:
    world.show("a.example", right=True)

    assert await look(world) == Seen(proved=True)


async def test_another_answer_has_a_problem_and_a_sentence(world: World) -> None:
    world.show("a.example", right=False)

    seen = await look(world)

    assert (seen.proved, seen.problem) == (False, "incorrectResponse")
    assert seen.detail


async def test_no_answer_is_another_problem(world: World) -> None:
    world.silence("a.example")

    seen = await look(world)

    assert (seen.proved, seen.problem, seen.is_final) == (False, "dns", False)
    assert seen.detail


async def test_records_say_where_they_are_and_none_says_nothing(world: World) -> None:
    world.permit("a.example")

    assert await world.probes.caa("a.example") == CaaFound("a.example", (RECORD,))
    assert await world.probes.caa("b.example") == CaaFound()


async def test_what_cannot_be_found_out_is_trouble_and_no_absence(world: World) -> None:
    world.silence("a.example")

    found = await world.probes.caa("a.example")

    assert found.trouble
    assert found.records == ()

"""Trouble on purpose: each kind of it, by seed, and none where none is wanted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ca_core.errors import BadRequest
from ca_core.names import dns
from protocols.acme.errors import BadNonce
from protocols.acme.nonces import Nonces
from protocols.acme.probes import Question
from protocols.acme.spending import OwnSpending
from server.chaos import Dice, SlowProbes, Troublemaker, UnreliableSpending, UnsteadyDialogue
from server.setting_tables import Chaos
from tests.builders.acme import AcmeHouse, StagedProbes, acme_house
from tests.builders.clock import SettableClock

SPENDING = OwnSpending(SettableClock(), Nonces(bytes(32)))
ALL = Chaos(nonces_refused_percent=5, shuffle=True, slow_seconds=30, seed="tests")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[AcmeHouse]:
    async with acme_house(tmp_path) as opened:
        # A client talks to the real dialogue through the wrapper.
        dialogue = Troublemaker(ALL).dialogue(opened.dialogue, opened.core.clock)
        yield replace(opened, dialogue=dialogue)


def test_without_chaos_nothing_is_wrapped() -> None:
    quiet, probes = Troublemaker(Chaos()), StagedProbes()

    assert quiet.nonces(SPENDING) is SPENDING
    assert quiet.probes(probes) is probes


async def test_without_chaos_the_dialogue_is_itself(tmp_path: Path) -> None:
    async with acme_house(tmp_path) as opened:
        assert Troublemaker(Chaos()).dialogue(opened.dialogue, SettableClock()) is opened.dialogue


def test_a_seed_throws_the_same_again_and_each_purpose_its_own() -> None:
    def thrown(seed: str, purpose: str) -> list[int]:
        dice = Dice(seed, purpose)
        return [dice.below(1000) for _ in range(20)]

    assert thrown("a", "nonces") == thrown("a", "nonces")
    assert thrown("a", "nonces") != thrown("a", "probes")
    assert thrown("a", "nonces") != thrown("b", "nonces")


async def test_five_of_a_hundred_good_nonces_are_refused_and_each_is_spent() -> None:
    nonces = Troublemaker(ALL).nonces(SPENDING)
    assert isinstance(nonces, UnreliableSpending)
    refused = 0

    for _ in range(1000):
        nonce = nonces.issue()
        try:
            await nonces.spend(nonce)
        except BadNonce as refusal:
            refused += "on purpose" in str(refusal)
        with pytest.raises(BadNonce, match="stale or spent"):
            await nonces.spend(nonce)

    assert 30 < refused < 70


async def test_probes_begin_late_and_see_the_same() -> None:
    inner = StagedProbes()
    slow = SlowProbes(inner, 1, Dice("quick", "probes"))

    seen = await slow.look(Question("http-01", dns("a.example"), "token", "expected", ""))

    assert seen.proved
    assert len(inner.asked) == 1
    assert isinstance(Troublemaker(ALL).probes(inner), SlowProbes)


async def test_lists_come_in_any_order_and_complete(house: AcmeHouse) -> None:
    names = [f"n{number}.example" for number in range(8)]
    client = await house.subscriber("acme-corp", *names)
    order = await client.order(*names)
    url = order.header("Location")

    orders = {tuple((await client.post(url)).json["authorizations"]) for _ in range(5)}

    assert len(orders) > 1
    assert len({frozenset(shown) for shown in orders}) == 1
    assert sorted(one["value"] for one in order.json["identifiers"]) == names


async def test_a_finished_order_is_processing_for_a_while_and_then_has_its_certificate(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    order = await client.order("a.example")

    finalized = await client.finalize(order)

    assert (finalized.status, finalized.json["status"]) == (200, "processing")
    assert "certificate" not in finalized.json
    assert finalized.header("Retry-After") == "1"
    assert (await client.post(order.header("Location"))).json["status"] == "processing"
    house.core.clock.move(30)
    done = await client.post(order.header("Location"))
    assert done.json["status"] == "valid"
    assert (await client.post(done.json["certificate"])).status == 200


async def test_problems_and_bugs_are_what_they_were(house: AcmeHouse) -> None:
    refused = await (await house.subscriber("acme-corp", "a.example")).order("b.example")
    dialogue = house.dialogue
    assert isinstance(dialogue, UnsteadyDialogue)

    assert refused.refusal == (403, "rejectedIdentifier")
    assert dialogue.refuse(BadRequest("no")).status == 400
    assert b"4f1c" in dialogue.bug_reply("4f1c").body

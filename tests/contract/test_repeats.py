"""Requests that may come twice: on every store, one of them is carried out."""

from __future__ import annotations

import asyncio

import pytest

from ca_core.staff.repeat import ANSWERED_WITHIN_SECONDS, KEPT_SECONDS, Asked, Given
from ca_core.staff.repeats import Repeats
from ca_core.staff.role import Actor, Role, Via
from ca_core.store.database import Database
from tests.builders.clock import SettableClock

_NOW = 1_800_000_000
_ALICE = Actor("alice", Role.OFFICER, "north", "a", Via.API)
_BOB = Actor("bob", Role.OFFICER, "north", "b", Via.API)
_ONE, _OTHER = b"\x01" * 32, b"\x02" * 32
_GIVEN = Given(201, (("Location", "/api/v1/registrations/x"),), b'{"\x00"}')


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(_NOW)


@pytest.fixture
def repeats(database: Database, clock: SettableClock) -> Repeats:
    return Repeats(database, clock)


async def test_what_was_answered_is_answered_again_for_a_day(repeats: Repeats, clock: SettableClock) -> None:
    assert await repeats.claim("k", _ONE, actor=_ALICE) is None
    await repeats.keep("k", _GIVEN, actor=_ALICE)

    assert await repeats.claim("k", _OTHER, actor=_ALICE) == Asked(_ONE, _NOW, _GIVEN)
    clock.move(KEPT_SECONDS)
    assert await repeats.claim("k", _ONE, actor=_ALICE) == Asked(_ONE, _NOW, _GIVEN)
    clock.move(1)
    assert await repeats.claim("k", _ONE, actor=_ALICE) is None


async def test_an_answer_with_a_secret_has_no_body(repeats: Repeats) -> None:
    await repeats.claim("k", _ONE, actor=_ALICE)
    await repeats.keep("k", Given(201, (), None), actor=_ALICE)

    assert await repeats.claim("k", _ONE, actor=_ALICE) == Asked(_ONE, _NOW, Given(201, (), None))


async def test_of_many_at_once_one_has_it(repeats: Repeats) -> None:
    found = await asyncio.gather(*(repeats.claim("k", _ONE, actor=_ALICE) for _ in range(8)))

    assert sorted(one is None for one in found) == [False] * 7 + [True]
    assert {one for one in found if one is not None} == {Asked(_ONE, _NOW, None)}


async def test_somebody_elses_key_is_another_one(repeats: Repeats) -> None:
    assert await repeats.claim("k", _ONE, actor=_ALICE) is None
    assert await repeats.claim("k", _ONE, actor=_BOB) is None


async def test_what_was_let_go_is_free(repeats: Repeats) -> None:
    await repeats.claim("k", _ONE, actor=_ALICE)
    await repeats.let_go("k", actor=_ALICE)

    assert await repeats.claim("k", _OTHER, actor=_ALICE) is None


async def test_nobody_is_at_it_any_more_after_a_while(repeats: Repeats, clock: SettableClock) -> None:
    await repeats.claim("k", _ONE, actor=_ALICE)

    left = await repeats.claim("k", _ONE, actor=_ALICE)

    assert left is not None
    assert left.is_being_answered(clock.now())
    assert not left.is_being_answered(_NOW + ANSWERED_WITHIN_SECONDS)
    assert not Asked(_ONE, _NOW, _GIVEN).is_being_answered(_NOW)


async def test_the_worker_forgets_what_is_older_than_a_day(
    repeats: Repeats, database: Database, clock: SettableClock
) -> None:
    await repeats.claim("old", _ONE, actor=_ALICE)
    clock.move(KEPT_SECONDS + 1)
    await repeats.claim("new", _ONE, actor=_ALICE)

    await repeats.turn()

    async with database.read() as tx:
        assert await tx.all("SELECT key FROM repeated_requests") == [("new",)]

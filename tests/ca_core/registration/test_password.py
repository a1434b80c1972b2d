from __future__ import annotations

import asyncio
import time

import pytest

from ca_core.registration.credential import CredentialKind, SecretKeeper
from ca_core.registration.errors import SignInsCrowded
from ca_core.registration.password import Passwords, Stored
from ca_core.registration.password_hash import Cost, read
from ca_core.secret import Secret
from tests.builders.portal import CHEAP

KEEPER = SecretKeeper(bytes(32))
SLOW = Cost(memory_kib=19_456, passes=6)


def chosen(secret: bytes, registration_id: str = "r1") -> Stored:
    return Stored(registration_id, CredentialKind.CHOSEN_PASSWORD, secret)


async def is_right(passwords: Passwords, typed: str, stored: Stored | None) -> bool:
    return (await passwords.look("acc", Secret(typed), stored)).is_right


async def test_a_chosen_password_is_right_and_another_one_is_not() -> None:
    passwords = Passwords(KEEPER, cost=CHEAP)
    stored = chosen(await passwords.hashed("r1", Secret("vi\u00e9tri")))

    assert await is_right(passwords, "vi\u00e9tri", stored)
    assert await is_right(passwords, "vie\u0301tri", stored)
    assert not await is_right(passwords, "Vi\u00e9tri", stored)
    assert not await is_right(passwords, "x" * 100_000, stored)
    assert not await is_right(passwords, "\ud800", stored)


async def test_an_initial_password_is_right_and_nothing_is_right_where_there_is_none() -> None:
    passwords = Passwords(KEEPER, cost=CHEAP)
    stored = Stored("r1", CredentialKind.PASSWORD, KEEPER.hashed("r1", Secret("ABCD2345EFGH")))

    assert await is_right(passwords, "ABCD2345EFGH", stored)
    assert not await is_right(passwords, "abcd2345efgh", stored)
    assert not await is_right(passwords, "ABCD2345EFGH", None)


async def test_a_hash_is_of_no_use_to_another_registration_or_under_another_key() -> None:
    passwords = Passwords(KEEPER, cost=CHEAP)
    hashed = await passwords.hashed("r1", Secret("right"))

    assert not await is_right(passwords, "right", chosen(hashed, "r2"))
    assert not await is_right(Passwords(SecretKeeper(b"k" * 32), cost=CHEAP), "right", chosen(hashed))


async def test_a_hash_of_another_cost_is_right_and_outdated() -> None:
    hashed = await Passwords(KEEPER, cost=CHEAP).hashed("r1", Secret("right"))
    dearer = Passwords(KEEPER, cost=Cost(memory_kib=128, passes=1))

    assert read(hashed).cost == CHEAP
    assert (await dearer.look("acc", Secret("right"), chosen(hashed))).is_outdated
    assert not (await dearer.look("acc", Secret("wrong"), chosen(hashed))).is_outdated
    assert not (await Passwords(KEEPER, cost=CHEAP).look("acc", Secret("right"), chosen(hashed))).is_outdated


@pytest.mark.parametrize("has_password", [True, False])
async def test_guesses_are_told_apart_and_the_same_one_is_the_same(has_password: bool) -> None:
    passwords = Passwords(KEEPER, cost=CHEAP)
    stored = chosen(await passwords.hashed("r1", Secret("right"))) if has_password else None

    guesses = [(await passwords.look("acc", Secret(typed), stored)).guess for typed in ("one", "one", "two")]

    assert guesses[0] == guesses[1] != guesses[2]
    if stored is None:
        assert (await passwords.look("other", Secret("one"), None)).guess != guesses[0]


async def test_a_full_queue_refuses_at_once_and_the_loop_goes_on() -> None:
    passwords = Passwords(KEEPER, cost=SLOW, waiting=2)
    gaps: list[float] = []

    async def beat() -> None:
        before = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            gaps.append(now - before)
            before = now

    beating = asyncio.create_task(beat())
    came = await asyncio.gather(
        *(passwords.look("acc", Secret(f"guess {number}"), None) for number in range(12)), return_exceptions=True
    )
    beating.cancel()

    refused = [one for one in came if isinstance(one, SignInsCrowded)]
    assert [one for one in came if isinstance(one, BaseException)] == refused
    assert len(refused) >= 9
    assert {one.retry_after_seconds for one in refused} == {1}
    # While three were hashed, the loop went on a thousand times a second or so.
    assert len(gaps) > 20

"""Passwords and sessions on several servers of one store: a guess is counted once, what is ended is ended for all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import AsyncExitStack
from itertools import cycle
from pathlib import Path
from typing import TypeVar

import pytest

from ca_core.applicant import Door
from ca_core.errors import RegistrationSuspended, Throttled, WrongSecret
from ca_core.issuance.linter import Linter
from ca_core.metering import Meters, SharedMeter, own_meter
from ca_core.registration.errors import SessionEnded
from ca_core.registration.portal_sign_in import Begun
from conformance.stores import KINDS, POSTGRESQL
from tests.builders.core import core
from tests.builders.portal import GOOD, Portal, portal

_SERVERS = 3
T = TypeVar("T")


@pytest.fixture(params=KINDS)
async def doors(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[Portal]]:
    """Several servers over one store where that can be; else one."""
    async with AsyncExitStack() as stack:
        count = _SERVERS if request.param == POSTGRESQL else 1
        meters: Meters = SharedMeter if request.param == POSTGRESQL else own_meter
        yield [
            portal(await stack.enter_async_context(core(tmp_path, store=request.param, linter=Linter())), meters=meters)
            for _ in range(count)
        ]


async def at_once(acts: Iterable[Awaitable[T]]) -> list[T | BaseException]:
    return list(await asyncio.gather(*acts, return_exceptions=True))


async def guess(doors: list[Portal], *passwords: str, account: str = "acc") -> list[Begun | BaseException]:
    """Each from a source of its own, at the next server."""
    servers = zip(passwords, cycle(doors), range(len(passwords)), strict=False)
    return await at_once(
        door.sign_in(account, password, source=f"198.51.100.{number}") for password, door, number in servers
    )


def kinds(outcomes: list[T | BaseException]) -> set[type]:
    return {type(one) for one in outcomes}


async def suspensions(door: Portal) -> int:
    return len(await door.core.journal("password-suspended"))


async def test_three_different_guesses_at_once_suspend_it_once(doors: list[Portal]) -> None:
    await doors[0].with_password("acc")

    outcomes = await guess(doors, "one", "two", "three")

    assert kinds(outcomes) == {WrongSecret}
    assert await suspensions(doors[0]) == 1
    assert kinds(await guess(doors, *[GOOD] * len(doors))) == {WrongSecret}
    assert await suspensions(doors[0]) == 1


async def test_one_guess_at_every_server_counts_once(doors: list[Portal]) -> None:
    await doors[0].with_password("acc")

    await guess(doors, "one", "one", "one", "one")
    await guess(doors, "two", "two", "two", "two")

    assert await suspensions(doors[0]) == 0
    assert await doors[0].core.count("password_guesses") == 2
    await doors[-1].sign_in("acc", GOOD)
    assert await doors[0].core.count("password_guesses") == 0


async def test_right_ones_among_wrong_ones_never_open_what_is_suspended(doors: list[Portal]) -> None:
    await doors[0].with_password("acc")

    await guess(doors, "one", "two")
    came = await guess(doors, "three", GOOD, "four", GOOD)

    suspended = await suspensions(doors[0])
    after = kinds(await guess(doors, GOOD))
    # Whether the right one came before the third wrong one or behind it, is for the store to say; never both.
    assert after == ({WrongSecret} if suspended else {Begun})
    assert kinds(came) <= {WrongSecret, Begun}


async def test_of_two_changes_at_once_one_is_made(doors: list[Portal]) -> None:
    begun = await doors[0].with_password("acc")
    chosen = ("nine lobsters paint moons", "seven otters tune pianos")

    outcomes = await at_once(
        door.change(begun.token, GOOD, new) for door, new in zip(cycle(doors), chosen, strict=False)
    )

    made = [one for one in outcomes if isinstance(one, Begun)]
    assert len(made) == 1
    assert kinds(outcomes) <= {Begun, WrongSecret, SessionEnded}
    opened = [one for one in await guess(doors, *chosen) if isinstance(one, Begun)]
    assert len(opened) == 1
    async with doors[0].core.database.read() as tx:
        rows = await tx.all("SELECT 1 FROM credentials WHERE kind = 'password' AND voided_at IS NULL")
    assert len(rows) == 1


async def test_who_is_suspended_is_out_on_every_server_with_the_next_request(doors: list[Portal]) -> None:
    begun = await doors[0].with_password("acc")
    for door in doors:
        await door.sessions.look(begun.token, door=Door.PORTAL)

    await doors[-1].core.desk.suspend("acc", actor="ra")

    for door in doors:
        with pytest.raises(SessionEnded):
            await door.sessions.look(begun.token, door=Door.PORTAL)
        with pytest.raises(RegistrationSuspended):
            await door.sign_in("acc", GOOD)


async def test_who_signs_in_while_the_registration_is_suspended_is_not_in_afterwards(doors: list[Portal]) -> None:
    await doors[0].with_password("acc")

    outcomes = await at_once(
        [
            *(door.sign_in("acc", GOOD, source=f"198.51.100.{number}") for number, door in enumerate(doors)),
            doors[-1].core.desk.suspend("acc", actor="ra"),
        ]
    )
    await doors[0].core.desk.resume("acc", actor="ra")

    for one in outcomes:
        if isinstance(one, Begun):
            with pytest.raises(SessionEnded):
                await doors[0].sessions.look(one.token, door=Door.PORTAL)


async def test_a_password_that_was_changed_at_one_server_is_so_at_all(doors: list[Portal]) -> None:
    begun = await doors[0].with_password("acc")

    fresh = await doors[0].change(begun.token, GOOD, "nine lobsters paint moons")

    for door in doors:
        with pytest.raises(SessionEnded):
            await door.sessions.look(begun.token, door=Door.PORTAL)
        await door.sessions.look(fresh.token, door=Door.PORTAL)
        await door.sign_in("acc", "nine lobsters paint moons")


async def test_an_account_is_held_back_whichever_server_is_guessed_at(doors: list[Portal]) -> None:
    for number in range(10):
        assert kinds(await guess([doors[number % len(doors)]], "guess", account="nobody")) == {WrongSecret}

    assert kinds(await guess([doors[-1]], "guess", account="nobody")) == {Throttled}


async def test_what_is_over_is_removed_on_every_store(doors: list[Portal]) -> None:
    await doors[0].with_password("acc")
    await guess(doors, "one", account="nobody")
    for door in doors:
        door.core.clock.move(90_000)

    await doors[-1].sessions.forget()
    await doors[-1].proof.forget()

    assert await doors[0].core.count("sessions") == 0
    assert await doors[0].core.count("password_guesses") == 0

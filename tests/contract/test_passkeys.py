"""Passkeys on every store: asked for at one server and shown at another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ca_core.applicant import Door
from ca_core.issuance.linter import Linter
from ca_core.registration.errors import PasskeyRefused, SessionEnded
from ca_core.registration.session import Session, Step
from ca_core.secret import Secret
from ca_core.staff.role import EVERY_REALM, Actor, Role, Via
from ca_core.store import passkey_codes
from conformance.stores import KINDS, POSTGRESQL
from tests.builders.authenticator import Authenticator
from tests.builders.core import core
from tests.builders.portal import SOURCE, Portal, portal


@pytest.fixture(params=KINDS)
async def doors(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[Portal]]:
    """Two servers over one store where that can be; else one, twice."""
    async with AsyncExitStack() as stack:
        count = 2 if request.param == POSTGRESQL else 1
        opened = [
            portal(await stack.enter_async_context(core(tmp_path, store=request.param, linter=Linter())))
            for _ in range(count)
        ]
        yield [opened[0], opened[-1]]


async def officer(door: Portal) -> Actor:
    await door.core.register("alice")
    return Actor("alice", Role.OFFICER, EVERY_REALM, (await door.core.desk.show("alice")).id, Via.DESK)


async def session(door: Portal, token: Secret) -> Session:
    return await door.sessions.look(token, door=Door.DESK)


async def test_a_passkey_is_asked_for_at_one_server_and_shown_at_another(doors: list[Portal]) -> None:
    (one, other), device = doors, Authenticator()
    alice = await officer(one)
    begun = await one.officers.begin(alice)
    made = device.create(await one.passkeys.begin_registering(await session(one, begun.token)))
    await other.passkeys.register(await session(other, begun.token), "phone", made, source=SOURCE)

    half = await other.officers.begin(alice)
    answer = device.get(await one.passkeys.begin_showing(await session(one, half.token)))
    token = await other.passkeys.show(await session(other, half.token), answer, source=SOURCE)

    assert half.step is Step.SECOND_FACTOR
    (await session(one, token)).require_signed_in()
    with pytest.raises(SessionEnded):
        await session(one, half.token)
    (passkey,) = await one.passkeys.of((await session(one, token)).registration.id)
    assert (passkey.sign_count, passkey.used_at) == (1, one.core.clock.now())
    await one.passkeys.remove(await session(one, token), passkey.credential_id, source=SOURCE)
    assert (await other.officers.begin(alice)).step is Step.SIGNED_IN


async def test_one_answer_opens_one_server_once(doors: list[Portal]) -> None:
    (one, other), device = doors, Authenticator()
    alice = await officer(one)
    begun = await one.officers.begin(alice)
    made = device.create(await one.passkeys.begin_registering(await session(one, begun.token)))
    await one.passkeys.register(await session(one, begun.token), "phone", made, source=SOURCE)
    half = await one.officers.begin(alice)
    answer = device.get(await one.passkeys.begin_showing(await session(one, half.token)))
    asked = [await session(door, half.token) for door in (one, other)]

    await one.passkeys.show(asked[0], answer, source=SOURCE)

    with pytest.raises(PasskeyRefused):
        await other.passkeys.show(asked[1], answer, source=SOURCE)


async def test_a_new_passkey_ends_the_sessions_that_were_begun_without_it(doors: list[Portal]) -> None:
    (one, other), device = doors, Authenticator()
    alice = await officer(one)
    elsewhere, here = await one.officers.begin(alice), await one.officers.begin(alice)

    made = device.create(await one.passkeys.begin_registering(await session(one, here.token)))
    await one.passkeys.register(await session(one, here.token), "phone", made, source=SOURCE)

    (await session(other, here.token)).require_signed_in()
    with pytest.raises(SessionEnded):
        await session(other, elsewhere.token)


async def test_a_code_is_replaced_by_the_next_one_and_taken_once_at_whichever_server(doors: list[Portal]) -> None:
    one, other = doors
    alice = (await officer(one)).registration_id or ""
    async with one.core.database.write() as tx:
        await passkey_codes.put(tx, alice, b"first", now=10, expires_at=20)
    async with other.core.database.write() as tx:
        await passkey_codes.put(tx, alice, b"second", now=11, expires_at=21)

    async def taken(door: Portal, secret: bytes, now: int) -> bool:
        async with door.core.database.write() as tx:
            return await passkey_codes.spend(tx, alice, secret, now=now)

    async with one.core.database.read() as tx:
        found = [await passkey_codes.of(tx, alice, now=now) for now in (21, 22)]
    assert found == [b"second", None]
    assert not await taken(one, b"first", 15)
    assert not await taken(one, b"second", 22)
    assert sorted(await asyncio.gather(taken(one, b"second", 21), taken(other, b"second", 21))) == [False, True]
    async with other.core.database.write() as tx:
        await passkey_codes.put(tx, alice, b"third", now=22, expires_at=30)
        await passkey_codes.remove(tx, alice)
    assert not await taken(one, b"third", 22)

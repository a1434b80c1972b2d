from __future__ import annotations

import re

import pytest

from ca_core.applicant import Door
from ca_core.errors import NotPermitted, RegistrationSuspended
from ca_core.registration.errors import PageOutdated, SessionEnded
from ca_core.registration.session import Bounds, Step
from ca_core.secret import Secret
from ca_core.staff.role import EVERY_REALM, Actor, Role, Via
from tests.builders.core import Core
from tests.builders.portal import GOOD, SOURCE, Portal, portal

IDLE, LONGEST = 600, 3_600


@pytest.fixture
def door(core: Core) -> Portal:
    return portal(core, bounds=Bounds(idle_seconds=IDLE, longest_seconds=LONGEST))


def officer(registration_id: str | None, role: Role = Role.OFFICER) -> Actor:
    return Actor("alice", role, EVERY_REALM, registration_id, Via.DESK)


async def an_officer(core: Core, name: str = "alice") -> Actor:
    """Somebody with a registration; that it is of the kind `officer` is for the desk's door to prove."""
    await core.register(name)
    return officer((await core.desk.show(name)).id)


async def require_over(door: Portal, token: Secret, *, where: Door = Door.PORTAL) -> None:
    with pytest.raises(SessionEnded):
        await door.sessions.look(token, door=where)


async def test_a_token_has_256_bits_and_the_store_a_keyed_hash_of_it(core: Core, door: Portal) -> None:
    begun = await door.with_password("acc")

    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", begun.token.reveal())
    async with core.database.read() as tx:
        ((stored,),) = await tx.all("SELECT token_hash FROM sessions")
    assert len(stored) == 32
    assert stored.hex() not in begun.token.reveal()


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "x" * 100_000, "\ud800"])
async def test_what_is_no_token_opens_nothing(door: Portal, token: str) -> None:
    await door.with_password("acc")

    await require_over(door, Secret(token))


async def test_a_session_that_is_used_goes_on_until_it_has_been_long_enough(core: Core, door: Portal) -> None:
    begun = await door.with_password("acc")

    for _ in range(LONGEST // IDLE):
        core.clock.move(IDLE)
        await door.sessions.look(begun.token, door=Door.PORTAL)
    core.clock.move(1)

    await require_over(door, begun.token)


async def test_a_session_that_is_not_used_is_over(core: Core, door: Portal) -> None:
    begun = await door.with_password("acc")

    core.clock.move(IDLE + 1)

    await require_over(door, begun.token)


async def test_whoever_has_not_changed_the_password_in_time_begins_again(core: Core) -> None:
    door = portal(core, bounds=Bounds(idle_seconds=5_000, longest_seconds=50_000))
    sheet = await core.register("acc")
    assert sheet.initial_password is not None
    begun = await door.sign_in("acc", sheet.initial_password)

    core.clock.move(901)

    await require_over(door, begun.token)


async def test_that_a_session_is_used_is_written_down_seldom(core: Core, door: Portal) -> None:
    begun = await door.with_password("acc")

    async def seen_at() -> int:
        async with core.database.read() as tx:
            ((at,),) = await tx.all("SELECT seen_at FROM sessions")
        return int(at)

    first = await seen_at()
    core.clock.move(IDLE // 10 - 1)
    await door.sessions.look(begun.token, door=Door.PORTAL)
    assert await seen_at() == first
    core.clock.move(1)
    await door.sessions.look(begun.token, door=Door.PORTAL)
    assert await seen_at() == first + IDLE // 10


async def test_signing_out_ends_it(core: Core, door: Portal) -> None:
    begun = await door.with_password("acc")
    other = await door.sign_in("acc", GOOD)

    await door.sessions.end(begun.token, source=SOURCE)
    await door.sessions.end(begun.token, source=SOURCE)

    await require_over(door, begun.token)
    await door.sessions.look(other.token, door=Door.PORTAL)
    (entry,) = await core.journal("signed-out")
    assert entry.actor == f"portal:session:{SOURCE}"
    assert entry.registration_id == (await core.desk.show("acc")).id


async def test_forms_are_of_one_session(door: Portal) -> None:
    begun, other = await door.with_password("acc"), await door.sign_in("acc", GOOD)

    mine, theirs = [await door.sessions.look(one.token, door=Door.PORTAL) for one in (begun, other)]
    again = await door.sessions.look(begun.token, door=Door.PORTAL)

    again.require_form(mine.csrf)
    with pytest.raises(PageOutdated):
        again.require_form(theirs.csrf)
    assert mine.csrf not in begun.token.reveal()


async def test_what_is_over_is_removed(core: Core, door: Portal) -> None:
    await door.with_password("acc")
    core.clock.move(IDLE)
    kept = await door.sign_in("acc", GOOD)
    core.clock.move(1)

    await door.sessions.forget()

    assert await core.count("sessions") == 1
    await door.sessions.look(kept.token, door=Door.PORTAL)


async def test_a_session_is_good_at_its_own_door_only(core: Core, door: Portal) -> None:
    alice = await an_officer(core)
    desk, portals = await door.officers.begin(alice), await door.with_password("acc")

    await require_over(door, desk.token)
    await require_over(door, portals.token, where=Door.DESK)
    assert desk.step is Step.SIGNED_IN
    assert (await door.officers.look(desk.token, alice)).registration.account == "alice"


async def test_an_officers_session_is_worth_nothing_under_another_certificate(core: Core, door: Portal) -> None:
    alice, bob = await an_officer(core), await an_officer(core, "bob")
    begun = await door.officers.begin(alice)

    with pytest.raises(SessionEnded):
        await door.officers.look(begun.token, bob)


async def test_a_suspended_officer_has_no_session_and_begins_none(core: Core, door: Portal) -> None:
    alice = await an_officer(core)
    begun = await door.officers.begin(alice)

    await core.desk.suspend("alice", actor="ra")

    await require_over(door, begun.token, where=Door.DESK)
    with pytest.raises(RegistrationSuspended):
        await door.officers.begin(alice)


@pytest.mark.parametrize(("registration_id", "role"), [(None, Role.OPERATOR), ("r1", Role.INTEGRATOR)])
async def test_programs_have_no_sessions(door: Portal, registration_id: str | None, role: Role) -> None:
    with pytest.raises(NotPermitted):
        await door.officers.begin(officer(registration_id, role))


async def test_a_session_that_somebody_else_has_ended_is_not_rotated(core: Core, door: Portal) -> None:
    begun = await door.with_password("acc")
    session = await door.sessions.look(begun.token, door=Door.PORTAL)
    await door.sessions.end(begun.token, source=SOURCE)

    with pytest.raises(SessionEnded):
        async with core.database.write() as tx:
            await door.sessions.rotate(tx, session, Step.SIGNED_IN)


async def test_where_the_status_alone_changed_the_look_says_so(core: Core, door: Portal) -> None:
    """As another server would see it that has not been told, or a statement behind everybody's back."""
    begun = await door.with_password("acc")
    async with core.database.write() as tx:
        await tx.execute("UPDATE registrations SET status = 'suspended'")

    with pytest.raises(RegistrationSuspended):
        await door.sessions.look(begun.token, door=Door.PORTAL)

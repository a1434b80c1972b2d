"""Passkeys, from the options that a browser is given to the session that is begun (Web Authentication, 7)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from webauthn.helpers import parse_registration_credential_json

from ca_core.applicant import Door
from ca_core.errors import BadRequest, NotFound, Refusal, RegistrationSuspended, TooLarge, WrongState
from ca_core.registration.errors import PasskeyRefused, PasswordToBeChanged, SecondFactorNeeded, SessionEnded
from ca_core.registration.passkey import MOST, Passkey
from ca_core.registration.session import Challenge, Session, Step
from ca_core.secret import Secret
from ca_core.staff.role import EVERY_REALM, Actor, Role, Via
from ca_core.store import passkeys
from ca_core.store.database import Transaction
from server.web.passkey_answers import MOST_OCTETS, read
from tests.builders.authenticator import PRESENT, Authenticator
from tests.builders.core import Core
from tests.builders.core import core as open_core
from tests.builders.portal import SOURCE, Portal, portal


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(tmp_path) as opened:
        yield opened


@pytest.fixture
def door(core: Core) -> Portal:
    return portal(core)


class Holder:
    """An officer at a desk, with a browser."""

    def __init__(self, door: Portal, name: str) -> None:
        self._door = door
        self._name = name
        self.token = Secret("")

    async def begin(self) -> Step:
        """Begin a session; returns how far it is in."""
        registration = await self._door.core.desk.show(self._name)
        actor = Actor(self._name, Role.OFFICER, EVERY_REALM, registration.id, Via.DESK)
        begun = await self._door.officers.begin(actor)
        self.token = begun.token
        return begun.step

    async def session(self) -> Session:
        return await self._door.sessions.look(self.token, door=Door.DESK)

    async def register(self, device: Authenticator, label: str = "phone") -> None:
        answer = device.create(await self._door.passkeys.begin_registering(await self.session()))
        await self._door.passkeys.register(await self.session(), label, answer, source=SOURCE)

    async def show(self, device: Authenticator) -> None:
        answer = device.get(await self._door.passkeys.begin_showing(await self.session()))
        self.token = await self._door.passkeys.show(await self.session(), answer, source=SOURCE)


async def holder(door: Portal, name: str = "alice") -> Holder:
    await door.core.register(name)
    found = Holder(door, name)
    await found.begin()
    return found


async def half_way_in(door: Portal, device: Authenticator, name: str = "alice") -> Holder:
    """Somebody who has a passkey, and has begun a session that waits for it."""
    found = await holder(door, name)
    await found.register(device)
    assert await found.begin() is Step.SECOND_FACTOR
    return found


async def test_who_has_a_passkey_shows_it_and_is_in(core: Core, door: Portal) -> None:
    device = Authenticator()
    alice = await half_way_in(door, device)
    before = alice.token
    with pytest.raises(SecondFactorNeeded):
        (await alice.session()).require_signed_in()

    await alice.show(device)

    (await alice.session()).require_signed_in()
    with pytest.raises(SessionEnded):
        await door.sessions.look(before, door=Door.DESK)
    (passkey,) = await door.passkeys.of((await alice.session()).registration.id)
    assert (passkey.label, passkey.sign_count, passkey.is_synced) == ("phone", 1, False)
    assert passkey.used_at == core.clock.now()
    (added,) = await core.journal("passkey-added")
    assert added.detail == {"event": "passkey-added", "passkey": passkey.name, "label": "phone"}
    assert [one.detail["step"] for one in await core.journal("signed-in")][-1] == "signed-in"


async def test_what_is_synced_between_devices_counts_nothing_and_is_good_again_and_again(door: Portal) -> None:
    device = Authenticator(counts=False)
    alice = await half_way_in(door, device)

    for _ in range(3):
        await alice.show(device)
        await alice.begin()

    (passkey,) = await door.passkeys.of((await alice.session()).registration.id)
    assert passkey.is_synced


async def test_the_options_ask_for_a_verified_user_and_name_nobody(door: Portal) -> None:
    device = Authenticator()
    alice = await holder(door)
    await alice.register(device)

    options = json.loads(await door.passkeys.begin_registering(await alice.session()))

    assert options["rp"]["id"] == "ca.example"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["attestation"] == "none"
    assert len(options["excludeCredentials"]) == 1
    assert (await alice.session()).registration.id not in json.dumps(options)


async def test_an_answer_is_good_once(door: Portal) -> None:
    device = Authenticator()
    alice = await half_way_in(door, device)
    session = await alice.session()
    answer = device.get(await door.passkeys.begin_showing(session))
    asked = await alice.session()

    await door.passkeys.show(asked, answer, source=SOURCE)

    for again in (asked, await _begun(alice)):
        with pytest.raises(PasskeyRefused):
            await door.passkeys.show(again, answer, source=SOURCE)


async def _begun(who: Holder) -> Session:
    await who.begin()
    return await who.session()


def _elsewhere(device: Authenticator) -> None:
    device.origin = "https://ca.example.attacker.example"


def _other_host(device: Authenticator) -> None:
    device.host = "attacker.example"


def _unverified(device: Authenticator) -> None:
    device.flags = PRESENT


def _absent(device: Authenticator) -> None:
    device.flags = 0


def _other_key(device: Authenticator) -> None:
    device.key = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize("spoil", [_elsewhere, _other_host, _unverified, _absent, _other_key])
async def test_what_proves_nothing_is_refused_and_journaled(
    core: Core, door: Portal, spoil: Callable[[Authenticator], None]
) -> None:
    device = Authenticator()
    alice = await half_way_in(door, device)
    spoil(device)

    with pytest.raises(PasskeyRefused):
        await alice.show(device)

    with pytest.raises(SecondFactorNeeded):
        (await alice.session()).require_signed_in()
    (entry,) = await core.journal("passkey-rejected")
    assert entry.detail["why"] == "wrong"


@pytest.mark.parametrize("spoil", [_elsewhere, _other_host, _unverified, _absent])
async def test_no_passkey_is_registered_by_what_proves_nothing(
    door: Portal, spoil: Callable[[Authenticator], None]
) -> None:
    device, alice = Authenticator(), await holder(door)
    spoil(device)

    with pytest.raises(PasskeyRefused):
        await alice.register(device)

    assert await door.passkeys.of((await alice.session()).registration.id) == []


async def test_a_copied_passkey_is_seen_by_its_count(core: Core, door: Portal) -> None:
    device = Authenticator()
    alice = await half_way_in(door, device)
    await alice.show(device)
    await alice.begin()
    device.sign_count -= 1

    with pytest.raises(PasskeyRefused, match="a copy of it"):
        await alice.show(device)

    (entry,) = await core.journal("passkey-rejected")
    assert entry.detail["why"] == "counter"


async def test_of_answers_that_come_at_once_each_is_counted_or_refused(core: Core, door: Portal) -> None:
    device = Authenticator()
    alice, again = await half_way_in(door, device), Holder(door, "alice")
    await again.begin()

    outcomes = await asyncio.gather(alice.show(device), again.show(device), return_exceptions=True)

    assert set(map(type, outcomes)) <= {type(None), PasskeyRefused}
    (passkey,) = await door.passkeys.of((await core.desk.show("alice")).id)
    assert outcomes.count(None) >= 1
    assert passkey.sign_count in {1, 2}


@pytest.mark.parametrize("octets", [0, 1024])
async def test_an_identifier_has_1_to_1023_octets(door: Portal, octets: int) -> None:
    """Web Authentication, 4."""
    alice, device = await holder(door), Authenticator()
    device.credential_id = bytes(octets)

    with pytest.raises((PasskeyRefused, BadRequest)):
        await alice.register(device)


async def test_somebody_elses_passkey_proves_nothing(door: Portal) -> None:
    mine, theirs = Authenticator(), Authenticator()
    alice, _ = await half_way_in(door, mine), await half_way_in(door, theirs, "bob")

    with pytest.raises(PasskeyRefused):
        await alice.show(theirs)
    with pytest.raises(PasskeyRefused):
        await alice.show(Authenticator())


async def test_what_was_asked_for_one_thing_is_no_answer_to_another(core: Core, door: Portal) -> None:
    device = Authenticator()
    alice = await half_way_in(door, device)
    ceremonies = door.passkeys

    with pytest.raises(PasskeyRefused, match="nothing was asked"):
        await ceremonies.show(await alice.session(), device.get('{"challenge": "AAAA"}'), source=SOURCE)
    answer = device.get(await ceremonies.begin_showing(await alice.session()))
    core.clock.move(301)
    with pytest.raises(PasskeyRefused, match="too long ago"):
        await ceremonies.show(await alice.session(), answer, source=SOURCE)
    await alice.show(device)
    registering = await ceremonies.begin_registering(await alice.session())
    with pytest.raises(PasskeyRefused, match="nothing was asked"):
        await ceremonies.show(await alice.session(), device.get(registering), source=SOURCE)


async def test_another_challenge_is_answered_in_vain(door: Portal) -> None:
    device = Authenticator()
    alice = await half_way_in(door, device)
    first = await door.passkeys.begin_showing(await alice.session())
    await door.passkeys.begin_showing(await alice.session())

    with pytest.raises(PasskeyRefused):
        await door.passkeys.show(await alice.session(), device.get(first), source=SOURCE)


async def test_who_is_half_way_in_registers_and_removes_nothing(core: Core, door: Portal) -> None:
    device = Authenticator()
    alice = await half_way_in(door, device)

    with pytest.raises(SecondFactorNeeded):
        await alice.register(Authenticator())
    with pytest.raises(SecondFactorNeeded):
        await door.passkeys.remove(await alice.session(), device.credential_id, source=SOURCE)
    sheet = await core.register("new")
    assert sheet.initial_password is not None
    begun = await door.sign_in("new", sheet.initial_password)
    with pytest.raises(PasswordToBeChanged):
        await door.passkeys.begin_registering(await door.sessions.look(begun.token, door=Door.PORTAL))


async def test_a_passkey_is_registered_once_and_removed_by_its_holder(core: Core, door: Portal) -> None:
    device = Authenticator()
    alice, bob = await holder(door), await holder(door, "bob")
    await alice.register(device)

    for who in (alice, bob):
        with pytest.raises(WrongState, match="registered already"):
            await who.register(device)
    with pytest.raises(NotFound):
        await door.passkeys.remove(await bob.session(), device.credential_id, source=SOURCE)
    await door.passkeys.remove(await alice.session(), device.credential_id, source=SOURCE)
    with pytest.raises(NotFound):
        await door.passkeys.remove(await alice.session(), device.credential_id, source=SOURCE)

    assert await alice.begin() is Step.SIGNED_IN
    with pytest.raises(NotFound):
        await door.passkeys.begin_showing(await alice.session())
    (entry,) = await core.journal("passkey-removed")
    assert entry.detail["label"] == "phone"


async def test_an_initial_password_opens_nothing_with_a_passkey_beside_it(core: Core, door: Portal) -> None:
    """RULES, S3."""
    sheet, device = await core.register("new"), Authenticator()
    assert sheet.initial_password is not None
    registration_id = (await core.desk.show("new")).id
    async with core.database.write() as tx:
        await passkeys.insert(tx, Passkey(device.credential_id, registration_id, "phone", b"key", 0, False, 1))
    begun = await door.sign_in("new", sheet.initial_password)
    challenge = Challenge("show", bytes(16), core.clock.now() + 60)
    await door.sessions.challenge(await door.sessions.look(begun.token, door=Door.PORTAL), challenge)
    session = await door.sessions.look(begun.token, door=Door.PORTAL)

    async def claim(_: Transaction) -> None:
        raise AssertionError

    for step in (
        door.passkeys.begin_showing(session),
        door.passkeys.begin_entering(session),
        door.passkeys.show(session, device.get('{"challenge": "AAAA"}'), source=SOURCE),
        door.passkeys.enter(session, "phone", b"{}", claim=claim, source=SOURCE),
    ):
        with pytest.raises(PasswordToBeChanged):
            await step

    assert (await door.sessions.look(begun.token, door=Door.PORTAL)).challenge == challenge


async def test_a_new_sheet_takes_the_passkeys_of_the_one_before(core: Core, door: Portal) -> None:
    begun, device = await door.with_password("shop"), Authenticator()
    session = await door.sessions.look(begun.token, door=Door.PORTAL)
    answer = device.create(await door.passkeys.begin_registering(session))
    session = await door.sessions.look(begun.token, door=Door.PORTAL)
    made = await door.passkeys.register(session, "phone", answer, source=SOURCE)

    await core.desk.new_sheet("shop", actor="ra")

    assert await door.passkeys.of(session.registration.id) == []
    (entry,) = await core.journal("passkey-removed")
    assert (entry.actor, entry.detail["passkey"], entry.detail["label"]) == ("ra", made.name, "phone")


async def test_nobody_has_more_than_so_many_where_another_comes_first(core: Core, door: Portal) -> None:
    alice, device = await holder(door), Authenticator()
    for _ in range(MOST - 1):
        await alice.register(Authenticator())
    answer = device.create(await door.passkeys.begin_registering(await alice.session()))
    session = await alice.session()
    async with core.database.write() as tx:
        await passkeys.insert(tx, Passkey(b"another", session.registration.id, "other", b"key", 0, False, 1))

    with pytest.raises(WrongState, match="remove one first"):
        await door.passkeys.register(session, "phone", answer, source=SOURCE)


async def test_no_passkey_outlives_a_sheet_that_comes_while_it_is_made(
    core: Core, door: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, device = await door.with_password("shop"), Authenticator()
    session = await door.sessions.look(begun.token, door=Door.PORTAL)
    answer = device.create(await door.passkeys.begin_registering(session))
    session = await door.sessions.look(begun.token, door=Door.PORTAL)
    spent = door.passkeys._spent

    async def meanwhile(asked: Session, ceremony: str) -> bytes:
        challenge = await spent(asked, ceremony)
        await core.desk.new_sheet("shop", actor="ra")
        return challenge

    monkeypatch.setattr(door.passkeys, "_spent", meanwhile)
    with pytest.raises(SessionEnded):
        await door.passkeys.register(session, "phone", answer, source=SOURCE)

    assert await door.passkeys.of(session.registration.id) == []


async def test_nobody_has_more_than_so_many(door: Portal) -> None:
    alice = await holder(door)
    for _ in range(MOST):
        await alice.register(Authenticator())

    with pytest.raises(WrongState, match="remove one first"):
        await door.passkeys.begin_registering(await alice.session())


@pytest.mark.parametrize("label", ["", " ", "x" * 65, "a\u202eb", "a\nb"])
async def test_a_name_that_misleads_is_refused(door: Portal, label: str) -> None:
    alice = await holder(door)

    with pytest.raises(BadRequest, match="name has 1 to 64"):
        await alice.register(Authenticator(), label)


async def test_an_attestation_that_nobody_asked_for_is_refused(door: Portal) -> None:
    alice, device = await holder(door), Authenticator()
    device.format = "tpm"

    with pytest.raises(PasskeyRefused):
        await alice.register(device)


async def test_a_suspension_while_a_passkey_is_shown_counts(core: Core, door: Portal) -> None:
    device = Authenticator()
    alice = await half_way_in(door, device)
    answer = device.get(await door.passkeys.begin_showing(await alice.session()))
    asked = await alice.session()
    await core.desk.suspend("alice", actor="ra")

    with pytest.raises((SessionEnded, PasskeyRefused, RegistrationSuspended)):
        await door.passkeys.show(asked, answer, source=SOURCE)


async def test_a_challenge_is_kept_by_no_session_that_is_over(door: Portal) -> None:
    alice = await holder(door)
    session = await alice.session()
    await door.sessions.end(alice.token, source=SOURCE)

    with pytest.raises(SessionEnded):
        await door.passkeys.begin_registering(session)


@pytest.mark.parametrize("answer", [b"", b"{}", b"[]", b"\xff", b'{"id": 1}', b"[" * 10_000])
async def test_what_cannot_be_read_is_said_to_be_so(door: Portal, answer: bytes) -> None:
    alice = await half_way_in(door, Authenticator())
    await door.passkeys.begin_showing(await alice.session())

    with pytest.raises(BadRequest, match="cannot be read"):
        await door.passkeys.show(await alice.session(), answer, source=SOURCE)
    with pytest.raises(TooLarge):
        await door.passkeys.show(await alice.session(), b"x" * (MOST_OCTETS + 1), source=SOURCE)


async def test_answers_that_were_good_once_are_accepted_or_refused_by_us(door: Portal) -> None:
    """Every octet that a browser sends is somebody's choice."""
    alice, device = await holder(door), Authenticator()
    options = await door.passkeys.begin_registering(await alice.session())
    asked, good = await alice.session(), device.create(options)
    challenge = asked.challenge
    assert challenge is not None

    @given(st.integers(0, len(good) - 1), st.binary(max_size=4))
    def mutated(place: int, octets: bytes) -> None:
        answer = good[:place] + octets + good[place + len(octets) :]
        with suppress(Refusal):
            credential = read(answer, parse_registration_credential_json)
            door.passkeys._made(asked, "phone", credential, challenge.value)

    mutated()

"""Revoking one's own certificate at the portal, with its key and without, on every database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from ca_core.applicant import Door
from ca_core.errors import AlreadyRevoked, BadReason, NotFound, PossessionNotProved
from ca_core.policy.profile import RevocationRule
from ca_core.registration.errors import PageOutdated, PasswordToBeChanged
from ca_core.registration.session import Session, Step
from ca_core.registration.sessions import Sessions
from ca_core.revocation.desk import Revoked, UnderReview
from ca_core.revocation.reason import Reason
from ca_core.secret import Secret
from ca_core.subscriber.holdings import Holdings
from ca_core.subscriber.proving import CHALLENGE_SECONDS, Proving
from conformance.stores import KINDS
from tests.builders import portal as portal_builder
from tests.builders import revocation
from tests.builders.core import Core
from tests.builders.core import core as open_core
from tests.builders.est import new_key

SOURCE = "192.0.2.7"


@dataclass(frozen=True)
class Desk:
    """What a subscriber revokes with."""

    core: Core
    sessions: Sessions
    proving: Proving

    async def begin(self, account: str, step: Step = Step.SIGNED_IN) -> Secret:
        registration = await self.core.desk.show(account)
        async with self.core.database.write() as tx:
            return await self.sessions.begin(tx, registration.id, step, door=Door.PORTAL)

    async def look(self, token: Secret) -> Session:
        """The session as the next request finds it."""
        return await self.sessions.look(token, door=Door.PORTAL)


@pytest.fixture(params=KINDS)
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_core(tmp_path, store=request.param, profiles=revocation.profiles(RevocationRule.REVIEWED)) as core:
        sessions = portal_builder.portal(core).sessions
        yield Desk(core, sessions, Proving(core.database, core.clock, sessions, core.revocations))


def signed(key: ec.EllipticCurvePrivateKey, text: str) -> bytes:
    return key.sign(text.encode(), ec.ECDSA(hashes.SHA256()))


async def test_who_has_the_key_revokes_at_once_what_else_would_be_reviewed(desk: Desk) -> None:
    key = new_key()
    certificate, token = await revocation.issued(desk.core, key=key), await desk.begin("acc")
    challenge = await desk.proving.challenge(await desk.look(token), certificate.serial)

    outcome = await desk.proving.prove(
        await desk.look(token), certificate.serial, signed(key, challenge.text), source=SOURCE
    )

    assert outcome == Revoked((certificate.serial,))
    entry = await revocation.entry_of(desk.core, certificate)
    assert revocation.reason_of(entry).value == "keyCompromise"
    (row,) = await desk.core.journal("certificate-revoked")
    assert row.actor == f"portal:certificate-key:{SOURCE}"


async def test_without_the_key_an_officer_looks_at_it_and_its_progress_is_seen(desk: Desk) -> None:
    certificate, token = await revocation.issued(desk.core), await desk.begin("acc")
    session = await desk.look(token)
    holdings = Holdings(desk.core.database, desk.core.clock, desk.core.profiles, window_days=30)

    outcome = await desk.proving.ask(session, certificate.serial, Reason.KEY_COMPROMISE, source=SOURCE)
    waiting = await holdings.requests(session.registration)
    assert isinstance(outcome, UnderReview)
    await desk.core.revocations.reject(outcome.number, actor="desk:officer:olivia", note="call us")
    decided = (await holdings.one(session.registration, certificate.serial)).requests

    assert [(one.number, one.state, one.actor) for one in waiting] == [
        (outcome.number, "pending", f"portal:session:{SOURCE}")
    ]
    assert [(one.state, one.note) for one in decided] == [("rejected", "call us")]


async def test_a_challenge_is_good_once(desk: Desk) -> None:
    key = new_key()
    certificate, token = await revocation.issued(desk.core, key=key), await desk.begin("acc")
    challenge = await desk.proving.challenge(await desk.look(token), certificate.serial)
    session, signature = await desk.look(token), signed(key, challenge.text)
    await desk.proving.prove(session, certificate.serial, signature, source=SOURCE)

    for again in (session, await desk.look(token)):
        with pytest.raises(PageOutdated):
            await desk.proving.prove(again, certificate.serial, signature, source=SOURCE)


async def test_a_challenge_ends_after_ten_minutes(desk: Desk) -> None:
    key = new_key()
    certificate, token = await revocation.issued(desk.core, key=key), await desk.begin("acc")
    challenge = await desk.proving.challenge(await desk.look(token), certificate.serial)
    desk.core.clock.move(CHALLENGE_SECONDS + 1)

    with pytest.raises(PageOutdated):
        await desk.proving.prove(await desk.look(token), certificate.serial, signed(key, challenge.text), source=SOURCE)
    fresh = await desk.proving.challenge(await desk.look(token), certificate.serial)

    assert fresh.nonce != challenge.nonce


async def test_a_page_that_is_loaded_again_shows_the_challenge_that_is_being_signed(desk: Desk) -> None:
    certificate, token = await revocation.issued(desk.core), await desk.begin("acc")

    first = await desk.proving.challenge(await desk.look(token), certificate.serial)
    desk.core.clock.move(120)

    assert await desk.proving.challenge(await desk.look(token), certificate.serial) == first


async def test_a_challenge_is_of_one_session_and_one_certificate(desk: Desk) -> None:
    key, first = new_key(), await revocation.issued(desk.core)
    desk.core.clock.move(65 * 86_400)
    second, token, other = (
        await revocation.enroll(desk.core, "acc", key=key),
        await desk.begin("acc"),
        await desk.begin("acc"),
    )
    challenge = await desk.proving.challenge(await desk.look(token), second.serial)
    signature = signed(key, challenge.text)

    with pytest.raises(PageOutdated):
        await desk.proving.prove(await desk.look(other), second.serial, signature, source=SOURCE)
    with pytest.raises(PageOutdated):
        await desk.proving.prove(await desk.look(token), first.serial, signature, source=SOURCE)


async def test_another_key_proves_nothing_and_may_be_tried_again(desk: Desk) -> None:
    key = new_key()
    certificate, token = await revocation.issued(desk.core, key=key), await desk.begin("acc")
    challenge = await desk.proving.challenge(await desk.look(token), certificate.serial)
    session = await desk.look(token)

    with pytest.raises(PossessionNotProved):
        await desk.proving.prove(session, certificate.serial, signed(new_key(), challenge.text), source=SOURCE)
    outcome = await desk.proving.prove(session, certificate.serial, signed(key, challenge.text), source=SOURCE)

    assert isinstance(outcome, Revoked)


async def test_anothers_certificate_is_not_there(desk: Desk) -> None:
    certificate = await revocation.issued(desk.core, "theirs")
    await revocation.issued(desk.core, "acc")
    session = await desk.look(await desk.begin("acc"))

    for serial in (certificate.serial, "00" * 20):
        with pytest.raises(NotFound):
            await desk.proving.challenge(session, serial)
        with pytest.raises(NotFound):
            await desk.proving.prove(session, serial, b"", source=SOURCE)
        with pytest.raises(NotFound):
            await desk.proving.ask(session, serial, Reason.SUPERSEDED, source=SOURCE)


async def test_nothing_is_revoked_before_the_password_is_changed(desk: Desk) -> None:
    certificate = await revocation.issued(desk.core)
    session = await desk.look(await desk.begin("acc", Step.CHANGE_PASSWORD))

    with pytest.raises(PasswordToBeChanged):
        await desk.proving.challenge(session, certificate.serial)
    with pytest.raises(PasswordToBeChanged):
        await desk.proving.prove(session, certificate.serial, b"", source=SOURCE)
    with pytest.raises(PasswordToBeChanged):
        await desk.proving.ask(session, certificate.serial, Reason.SUPERSEDED, source=SOURCE)


async def test_a_subscriber_gives_no_officers_reason(desk: Desk) -> None:
    certificate = await revocation.issued(desk.core)
    session = await desk.look(await desk.begin("acc"))

    with pytest.raises(BadReason):
        await desk.proving.ask(session, certificate.serial, Reason.PRIVILEGE_WITHDRAWN, source=SOURCE)


async def test_what_is_revoked_is_not_revoked_again(desk: Desk) -> None:
    certificate = await revocation.issued(desk.core)
    session = await desk.look(await desk.begin("acc"))
    await desk.core.revocations.revoke(certificate.serial, Reason.KEY_COMPROMISE, actor="test")

    with pytest.raises(AlreadyRevoked):
        await desk.proving.ask(session, certificate.serial, Reason.SUPERSEDED, source=SOURCE)

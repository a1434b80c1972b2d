"""The desk over a real database: RULES, S11."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.x509 import ReasonFlags

from ca_core.applicant import Door
from ca_core.errors import (
    AlreadyRevoked,
    BadReason,
    CertificateExpired,
    CertificateOnHold,
    InProgress,
    KeyCompromised,
    NotFound,
    WrongState,
)
from ca_core.policy.decision import Wish
from ca_core.policy.profile import DEVICE, RevocationRule
from ca_core.policy.request import parse
from ca_core.revocation import rules
from ca_core.revocation.desk import RevocationDesk, Revoked, UnderReview
from ca_core.revocation.reason import FINAL_REASONS, Reason
from ca_core.revocation.request import RequestState
from ca_core.revocation.rules import MAY_GIVE, Asker, Course
from ca_core.store import certificates, registrations, revocation_requests
from ca_core.store.certificates import Certificate
from ca_core.store.revocation_requests import Target
from tests.builders.core import Core
from tests.builders.core import core as open_core
from tests.builders.est import Csr, new_key
from tests.builders.revocation import crl_entry, enroll, entry_of, issued, now, profiles, reason_of, since_of

DAY = 86_400
HOUR = 3600
APPLICANTS = (Asker.SUBSCRIBER, Asker.HOLDER, Asker.CONTROLLER)


@pytest.fixture
async def reviewed(tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(tmp_path, profiles(RevocationRule.REVIEWED)) as opened:
        yield opened


@pytest.fixture
async def on_hold(tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(tmp_path, profiles(RevocationRule.REVIEWED_ON_HOLD)) as opened:
        yield opened


async def ask(
    core: Core, certificate: Certificate, reason: Reason = Reason.SUPERSEDED, asker: Asker = Asker.SUBSCRIBER
) -> Revoked | UnderReview:
    return await core.revocations.ask(certificate.serial, reason, asker=asker, actor=f"test:{asker}")


async def waiting(core: Core, certificate: Certificate, reason: Reason = Reason.SUPERSEDED) -> UnderReview:
    outcome = await ask(core, certificate, reason)
    assert isinstance(outcome, UnderReview)
    return outcome


async def state_of(core: Core, number: int) -> RequestState:
    (request,) = [request for request in await core.revocations.requests(every=True) if request.number == number]
    return request.state


@pytest.mark.parametrize(("rule", "asker"), list(itertools.product(RevocationRule, APPLICANTS)))
async def test_every_reason_of_every_applicant_under_every_rule(
    tmp_path: Path, rule: RevocationRule, asker: Asker
) -> None:
    async with open_core(tmp_path, profiles(rule)) as core:
        for reason in Reason:
            certificate = await issued(core, f"{reason.text.lower()}")
            if reason not in MAY_GIVE[asker]:
                with pytest.raises(BadReason):
                    await ask(core, certificate, reason, asker)
                assert (await now(core, certificate)).revoked_at is None
                continue

            outcome = await ask(core, certificate, reason, asker)

            stored = await now(core, certificate)
            match rules.course(profiles(rule)["device"], asker, reason):
                case Course.AT_ONCE:
                    assert outcome == Revoked((certificate.serial,))
                    assert stored.reason == reason
                case Course.REVIEW:
                    assert isinstance(outcome, UnderReview)
                    assert stored.reason is None
                case Course.REVIEW_ON_HOLD:
                    assert isinstance(outcome, UnderReview)
                    assert stored.reason == Reason.CERTIFICATE_HOLD


@pytest.mark.parametrize("reason", sorted(FINAL_REASONS))
async def test_an_operator_revokes_at_once_whatever_the_rule(reviewed: Core, reason: Reason) -> None:
    certificate = await issued(reviewed)

    await reviewed.revocations.revoke(certificate.serial, reason, actor="test")

    assert (await now(reviewed, certificate)).reason == reason
    assert (await reviewed.journal("certificate-revoked"))[0].detail["reason"] == reason.text


async def test_an_officer_does_not_speak_for_the_ca(reviewed: Core) -> None:
    certificate = await issued(reviewed)

    with pytest.raises(BadReason, match="cACompromise is not for the officer"):
        await reviewed.revocations.revoke(certificate.serial, Reason.CA_COMPROMISE, actor="test", asker=Asker.OFFICER)


async def test_a_request_is_recorded_with_its_reason_asker_and_time(reviewed: Core) -> None:
    certificate = await issued(reviewed)
    start = reviewed.clock.now()

    outcome = await waiting(reviewed, certificate)

    assert outcome == UnderReview(1, start + 5 * DAY)
    (request,) = await reviewed.revocations.requests()
    assert (request.serial, request.reason, request.asker) == (certificate.serial, Reason.SUPERSEDED, Asker.SUBSCRIBER)
    assert (request.state, request.requested_at, request.due_at) == (RequestState.PENDING, start, start + 5 * DAY)
    assert not request.holds
    (event,) = await reviewed.journal("revocation-requested")
    assert (event.actor, event.serial) == ("test:subscriber", certificate.serial)
    assert event.detail == {
        "event": "revocation-requested",
        "request": 1,
        "reason": "superseded",
        "asker": "subscriber",
        "due_at": start + 5 * DAY,
    }
    assert await reviewed.count("work") == 0


async def test_a_repeated_request_is_the_one_that_waits(reviewed: Core) -> None:
    certificate = await issued(reviewed)

    outcomes = await asyncio.gather(*(ask(reviewed, certificate) for _ in range(5)))

    assert {outcome.number for outcome in outcomes if isinstance(outcome, UnderReview)} == {1}
    assert len(await reviewed.journal("revocation-requested")) == 1


async def test_a_compromise_makes_the_request_that_waits_more_urgent(reviewed: Core) -> None:
    certificate = await issued(reviewed)
    await waiting(reviewed, certificate)
    reviewed.clock.move(HOUR)

    again = await waiting(reviewed, certificate, Reason.KEY_COMPROMISE)

    assert again == UnderReview(1, reviewed.clock.now() + DAY)
    (request,) = await reviewed.revocations.requests()
    assert (request.reason, request.due_at) == (Reason.KEY_COMPROMISE, again.due_at)
    assert len(await reviewed.journal("revocation-requested")) == 2


async def test_a_more_urgent_request_is_that_of_who_made_it_so_and_waits_since_the_first(reviewed: Core) -> None:
    certificate = await issued(reviewed)
    start = reviewed.clock.now()
    await ask(reviewed, certificate, Reason.CESSATION_OF_OPERATION, Asker.CONTROLLER)
    reviewed.clock.move(HOUR)

    await waiting(reviewed, certificate, Reason.KEY_COMPROMISE)

    (request,) = await reviewed.revocations.requests()
    assert (request.asker, request.actor) == (Asker.SUBSCRIBER, "test:subscriber")
    assert request.reason in MAY_GIVE[request.asker]
    assert (request.requested_at, request.due_at) == (start, start + HOUR + DAY)


async def test_an_approved_request_revokes_with_its_reason(reviewed: Core) -> None:
    certificate = await issued(reviewed)
    request = await waiting(reviewed, certificate)

    outcome = await reviewed.revocations.approve(request.number, actor="officer", note="form 12")

    assert outcome == Revoked((certificate.serial,))
    assert reason_of(await entry_of(reviewed, certificate)) is ReasonFlags.superseded
    assert await state_of(reviewed, 1) is RequestState.APPROVED
    (event,) = await reviewed.journal("certificate-revoked")
    assert (event.actor, event.detail["request"], event.detail["note"]) == ("officer", 1, "form 12")
    (closed,) = await reviewed.journal("revocation-request-closed")
    assert (closed.detail["outcome"], closed.detail["note"]) == ("approved", "form 12")


async def test_a_rejected_request_changes_nothing(reviewed: Core) -> None:
    certificate = await issued(reviewed)
    request = await waiting(reviewed, certificate)

    await reviewed.revocations.reject(request.number, actor="officer", note="not hers")

    assert (await now(reviewed, certificate)).revoked_at is None
    assert await state_of(reviewed, 1) is RequestState.REJECTED
    assert await waiting(reviewed, certificate) == UnderReview(2, reviewed.clock.now() + 5 * DAY)


async def test_a_certificate_may_be_on_hold_while_its_request_waits(on_hold: Core) -> None:
    certificate = await issued(on_hold)

    await waiting(on_hold, certificate)

    assert (await now(on_hold, certificate)).is_on_hold
    assert reason_of(await entry_of(on_hold, certificate)) is ReasonFlags.certificate_hold
    (event,) = await on_hold.journal("certificate-held")
    assert event.detail["request"] == 1


async def test_a_rejected_request_lets_the_certificate_come_back(on_hold: Core) -> None:
    certificate = await issued(on_hold)
    request = await waiting(on_hold, certificate)
    await entry_of(on_hold, certificate)

    rejected = await on_hold.revocations.reject(request.number, actor="officer")

    assert rejected.holds
    assert await crl_entry(on_hold, certificate) is None
    (await now(on_hold, certificate)).require_live(on_hold.clock.now())
    assert len(await on_hold.journal("certificate-released")) == 1


async def test_an_approved_hold_keeps_its_date_and_changes_its_reason(on_hold: Core) -> None:
    certificate = await issued(on_hold)
    request = await waiting(on_hold, certificate)
    held_at = on_hold.clock.now()
    on_hold.clock.move(HOUR)

    await on_hold.revocations.approve(request.number, actor="officer")

    entry = await entry_of(on_hold, certificate)
    assert reason_of(entry) is ReasonFlags.superseded
    assert int(entry.revocation_date_utc.timestamp()) == held_at
    (event,) = await on_hold.journal("certificate-revoked")
    assert event.detail["was"] == "certificateHold"


async def test_a_hold_that_an_officer_made_outlives_a_rejected_request(on_hold: Core) -> None:
    certificate = await issued(on_hold)
    await on_hold.revocations.hold(certificate.serial, actor="officer")
    request = await waiting(on_hold, certificate)

    await on_hold.revocations.reject(request.number, actor="officer")

    assert (await now(on_hold, certificate)).is_on_hold


async def test_a_hold_that_an_officer_wants_too_outlives_the_rejected_request(on_hold: Core) -> None:
    certificate = await issued(on_hold)
    request = await waiting(on_hold, certificate)

    await on_hold.revocations.hold(certificate.serial, actor="officer", note="stolen, they say")
    with pytest.raises(WrongState, match="on hold already"):
        await on_hold.revocations.hold(certificate.serial, actor="officer")
    rejected = await on_hold.revocations.reject(request.number, actor="officer")

    assert not rejected.holds
    assert (await now(on_hold, certificate)).is_on_hold
    events = await on_hold.journal("certificate-held")
    assert [(event.actor, event.detail["request"]) for event in events] == [("test:subscriber", 1), ("officer", None)]


async def test_an_officer_may_release_what_a_request_holds_and_the_request_waits_on(on_hold: Core) -> None:
    certificate = await issued(on_hold)
    request = await waiting(on_hold, certificate)

    await on_hold.revocations.release(certificate.serial, actor="officer")
    rejected = await on_hold.revocations.reject(request.number, actor="officer")

    assert not rejected.holds
    assert (await now(on_hold, certificate)).revoked_at is None


async def test_a_hold_is_the_profiles_choice(core: Core) -> None:
    certificate = await issued(core)
    await core.revocations.hold(certificate.serial, actor="officer")
    assert (await now(core, certificate)).is_on_hold
    with pytest.raises(WrongState, match="on hold already"):
        await core.revocations.hold(certificate.serial, actor="officer")

    never = RevocationDesk(core.database, core.clock, {})
    other = await issued(core, "other")
    with pytest.raises(BadReason, match="device are never on hold"):
        await never.hold(other.serial, actor="officer")


async def test_only_what_is_on_hold_is_released(core: Core) -> None:
    certificate = await issued(core)
    with pytest.raises(WrongState, match="not on hold"):
        await core.revocations.release(certificate.serial, actor="officer")
    await core.revocations.revoke(certificate.serial, Reason.SUPERSEDED, actor="officer")

    with pytest.raises(WrongState, match="not on hold"):
        await core.revocations.release(certificate.serial, actor="officer")
    with pytest.raises(AlreadyRevoked):
        await core.revocations.hold(certificate.serial, actor="officer")


async def test_a_certificate_on_hold_counts_as_live_and_is_not_delivered_again(core: Core) -> None:
    key = new_key()
    certificate = await issued(core, key=key)
    await core.revocations.hold(certificate.serial, actor="officer")

    with pytest.raises(CertificateOnHold, match=certificate.serial):
        await enroll(core, "acc", key=key)
    with pytest.raises(CertificateOnHold, match=certificate.serial):
        await enroll(core, "acc")
    await core.revocations.release(certificate.serial, actor="officer")

    assert (await enroll(core, "acc", key=key)).serial == certificate.serial


async def test_a_certificate_on_hold_proves_nobody_until_it_is_released_or_expires(core: Core) -> None:
    certificate = await issued(core)
    await core.revocations.hold(certificate.serial, actor="officer")
    held = await now(core, certificate)

    with pytest.raises(CertificateOnHold):
        held.require_live(core.clock.now())
    with pytest.raises(CertificateExpired):
        held.require_live(held.not_after + 1)


async def test_a_compromised_key_takes_its_other_certificates_along(core: Core) -> None:
    key = new_key()
    first = await issued(core, key=key)
    core.clock.move(70 * DAY)
    renewed = await enroll(core, "acc", key=key)
    assert renewed.serial != first.serial

    outcome = await ask(core, renewed, Reason.KEY_COMPROMISE, Asker.HOLDER)

    assert outcome == Revoked((renewed.serial, first.serial))
    for certificate in (first, renewed):
        assert reason_of(await entry_of(core, certificate)) is ReasonFlags.key_compromise
    events = {event.serial: event.detail["same_key_as"] for event in await core.journal("certificate-revoked")}
    assert events == {renewed.serial: None, first.serial: renewed.serial}


async def test_a_compromised_key_takes_along_what_is_being_signed_for_it(core: Core) -> None:
    key = new_key()
    certificate = await issued(core, key=key)
    registration = await core.desk.show("acc")
    core.clock.move(70 * DAY)
    request = parse(Csr(key=key).der())
    wish = Wish(DEVICE, registration.subject_der, frozenset())
    crossing = core.issuer.plan(
        registration, wish, request, door=Door.EST, request_key=None, issuer_name=None, now=core.clock.now()
    )
    async with core.database.write() as tx:
        await certificates.intend(tx, crossing, now=core.clock.now())

    await ask(core, certificate, Reason.KEY_COMPROMISE, Asker.HOLDER)

    with pytest.raises(InProgress):
        await core.issuer.complete(
            crossing, DEVICE, subject_der=registration.subject_der, spki=request.spki, actor="test"
        )
    assert await core.revocations.certificate(crossing.serial) is None
    (event,) = await core.journal("intention-abandoned")
    assert (event.serial, certificate.serial in event.detail["why"]) == (crossing.serial, True)
    with pytest.raises(KeyCompromised):
        await enroll(core, "acc", key=key)


async def test_another_reason_leaves_certificates_of_the_same_key_alone(core: Core) -> None:
    key = new_key()
    first = await issued(core, key=key)
    core.clock.move(70 * DAY)
    renewed = await enroll(core, "acc", key=key)

    await ask(core, first, Reason.SUPERSEDED, Asker.HOLDER)

    assert (await now(core, renewed)).revoked_at is None


async def test_a_proved_compromise_becomes_the_reason_of_what_is_revoked_already(core: Core) -> None:
    certificate = await issued(core)
    await ask(core, certificate, Reason.SUPERSEDED)
    revoked_at = core.clock.now()
    core.clock.move(HOUR)

    with pytest.raises(AlreadyRevoked):
        await ask(core, certificate, Reason.KEY_COMPROMISE, Asker.SUBSCRIBER)
    await ask(core, certificate, Reason.KEY_COMPROMISE, Asker.HOLDER)
    with pytest.raises(AlreadyRevoked):
        await ask(core, certificate, Reason.KEY_COMPROMISE, Asker.HOLDER)

    entry = await entry_of(core, certificate)
    assert reason_of(entry) is ReasonFlags.key_compromise
    assert int(entry.revocation_date_utc.timestamp()) == revoked_at


async def test_a_proved_compromise_overtakes_the_request_that_waits(on_hold: Core) -> None:
    certificate = await issued(on_hold)
    request = await waiting(on_hold, certificate)

    outcome = await ask(on_hold, certificate, Reason.KEY_COMPROMISE, Asker.HOLDER)

    assert outcome == Revoked((certificate.serial,))
    assert await state_of(on_hold, request.number) is RequestState.OVERTAKEN
    for decide in (on_hold.revocations.approve, on_hold.revocations.reject):
        with pytest.raises(WrongState, match="request 1 does not wait any more: it is overtaken"):
            await decide(request.number, actor="officer")


async def test_of_all_who_decide_at_once_one_does(on_hold: Core) -> None:
    certificate = await issued(on_hold)
    request = await waiting(on_hold, certificate)
    desk = on_hold.revocations

    outcomes = await asyncio.gather(
        desk.approve(request.number, actor="a"),
        desk.reject(request.number, actor="b"),
        desk.approve(request.number, actor="c"),
        ask(on_hold, certificate, Reason.KEY_COMPROMISE, Asker.HOLDER),
        desk.reject(request.number, actor="d"),
        return_exceptions=True,
    )

    assert isinstance(outcomes[0], Revoked)
    assert [type(outcome) for outcome in (outcomes[1], outcomes[2], outcomes[4])] == [WrongState] * 3
    # The holder's word comes on top of whatever was decided.
    assert isinstance(outcomes[3], Revoked)
    assert (await now(on_hold, certificate)).reason == Reason.KEY_COMPROMISE
    assert len(await on_hold.journal("revocation-request-closed")) == 1


async def test_an_expired_certificate_is_not_revoked_by_anybody(reviewed: Core) -> None:
    certificate = await issued(reviewed)
    request = await waiting(reviewed, certificate)
    reviewed.clock.move(91 * DAY)

    with pytest.raises(CertificateExpired, match="nothing left to revoke"):
        await ask(reviewed, certificate)
    with pytest.raises(CertificateExpired, match="nothing left to revoke"):
        await ask(reviewed, certificate, Reason.KEY_COMPROMISE)
    with pytest.raises(CertificateExpired):
        await reviewed.revocations.revoke(certificate.serial, Reason.SUPERSEDED, actor="officer")
    with pytest.raises(CertificateExpired):
        await reviewed.revocations.hold(certificate.serial, actor="officer")
    with pytest.raises(CertificateExpired):
        await reviewed.revocations.approve(request.number, actor="officer")


@pytest.mark.parametrize("asker", [Asker.HOLDER, Asker.OPERATOR])
async def test_a_compromised_key_is_blocked_though_its_certificate_has_expired(reviewed: Core, asker: Asker) -> None:
    key = new_key()
    certificate = await issued(reviewed, key=key)
    reviewed.clock.move(70 * DAY)
    renewed = await enroll(reviewed, "acc", key=key)
    reviewed.clock.move(21 * DAY)

    for _ in range(2):
        with pytest.raises(CertificateExpired, match="comes to no CRL, but its key is blocked for ever"):
            await ask(reviewed, certificate, Reason.KEY_COMPROMISE, asker)

    (event,) = await reviewed.journal("key-blocked")
    assert (event.serial, event.actor) == (certificate.serial, f"test:{asker}")
    assert event.detail["spki_sha256"] == certificate.spki_sha256.hex()
    assert (await now(reviewed, certificate)).revoked_at is None
    assert (await now(reviewed, renewed)).reason == Reason.KEY_COMPROMISE
    with pytest.raises(KeyCompromised):
        await enroll(reviewed, "acc", key=key)


async def test_an_officer_is_told_which_certificates_an_expired_ones_key_took_along(core: Core) -> None:
    key = new_key()
    certificate = await issued(core, key=key)
    core.clock.move(70 * DAY)
    renewed = await enroll(core, "acc", key=key)
    core.clock.move(21 * DAY)

    with pytest.raises(CertificateExpired, match=f"the same key: {renewed.serial}"):
        await core.revocations.revoke(certificate.serial, Reason.KEY_COMPROMISE, actor="officer")


async def test_an_approved_compromise_blocks_the_key_of_what_has_expired_meanwhile(reviewed: Core) -> None:
    certificate = await issued(reviewed)
    request = await waiting(reviewed, certificate, Reason.KEY_COMPROMISE)
    reviewed.clock.move(91 * DAY)

    with pytest.raises(CertificateExpired, match="its key is blocked"):
        await reviewed.revocations.approve(request.number, actor="officer")

    assert await state_of(reviewed, request.number) is RequestState.APPROVED
    assert (await reviewed.journal("key-blocked"))[0].detail["request"] == request.number


async def test_an_unproved_compromise_says_nothing_about_what_was_revoked_and_has_expired(core: Core) -> None:
    certificate = await issued(core)
    await ask(core, certificate)
    core.clock.move(91 * DAY)

    with pytest.raises(AlreadyRevoked):
        await ask(core, certificate, Reason.KEY_COMPROMISE)

    assert await core.journal("key-blocked") == []


async def test_a_request_that_lapses_is_the_one_whose_certificate_expired(reviewed: Core) -> None:
    old = await waiting(reviewed, await issued(reviewed, "old"))
    reviewed.clock.move(60 * DAY)
    young = await waiting(reviewed, await issued(reviewed, "young"))
    reviewed.clock.move(31 * DAY)

    await reviewed.revocations.turn()

    assert await state_of(reviewed, old.number) is RequestState.LAPSED
    assert await state_of(reviewed, young.number) is RequestState.PENDING


async def test_a_request_lapses_when_its_certificate_expires(reviewed: Core) -> None:
    certificate = await issued(reviewed)
    request = await waiting(reviewed, certificate)
    reviewed.clock.move(91 * DAY)

    assert await reviewed.revocations.turn() == []

    assert await state_of(reviewed, request.number) is RequestState.LAPSED
    (closed,) = await reviewed.journal("revocation-request-closed")
    assert (closed.actor, closed.detail["outcome"]) == ("server:revocation-desk", "lapsed")


@pytest.mark.parametrize(("reason", "hours"), [(Reason.KEY_COMPROMISE, 24), (Reason.SUPERSEDED, 120)])
async def test_a_request_is_called_for_at_half_time_and_when_it_is_overdue_once_each(
    reviewed: Core, reason: Reason, hours: int
) -> None:
    await waiting(reviewed, await issued(reviewed), reason)
    desk, clock = reviewed.revocations, reviewed.clock

    calls = [await desk.turn()]
    clock.move(hours * HOUR // 2 - 1)
    calls.append(await desk.turn())
    clock.move(1)
    calls += [await desk.turn(), await desk.turn()]
    clock.move(hours * HOUR // 2)
    assert (await desk.requests())[0].is_overdue(clock.now())
    calls += [await desk.turn(), await desk.turn()]

    assert [[call.is_overdue for call in turn] for turn in calls] == [[], [], [False], [], [True], []]
    events = await reviewed.journal("revocation-request-late")
    assert [event.detail["is_overdue"] for event in events] == [False, True]


async def test_a_decided_request_is_never_late(reviewed: Core) -> None:
    request = await waiting(reviewed, await issued(reviewed))
    await reviewed.revocations.reject(request.number, actor="officer")
    reviewed.clock.move(6 * DAY)

    assert await reviewed.revocations.turn() == []


async def test_the_most_urgent_request_comes_first(reviewed: Core) -> None:
    await waiting(reviewed, await issued(reviewed, "one"))
    await waiting(reviewed, await issued(reviewed, "two"), Reason.KEY_COMPROMISE)

    assert [request.number for request in await reviewed.revocations.requests()] == [2, 1]


async def test_two_statements_say_what_all_requests_are_about_and_whose_they_are(on_hold: Core) -> None:
    """A list of ten thousand is not ten thousand questions."""
    first, second = await issued(on_hold, "one"), await issued(on_hold, "two")
    await issued(on_hold, "none")
    done = await waiting(on_hold, first)
    await on_hold.revocations.reject(done.number, actor="test")
    await waiting(on_hold, second)

    async with on_hold.database.read() as tx:
        pending = await revocation_requests.targets(tx, every=False)
        every = await revocation_requests.targets(tx, every=True)
        askers = [await registrations.asking(tx, every=whole) for whole in (False, True)]

    assert pending == {second.serial: Target(second.profile, second.names, is_on_hold=True)}
    assert every == pending | {first.serial: Target(first.profile, first.names, is_on_hold=False)}
    assert askers == [
        {second.registration_id: "two"},
        {first.registration_id: "one", second.registration_id: "two"},
    ]


async def test_what_does_not_exist_is_not_found(core: Core) -> None:
    desk, nobody = core.revocations, "00" * 20

    for attempt in (
        desk.ask(nobody, Reason.SUPERSEDED, asker=Asker.HOLDER, actor="test"),
        desk.hold(nobody, actor="test"),
        desk.release(nobody, actor="test"),
        desk.approve(7, actor="test"),
        desk.reject(7, actor="test"),
    ):
        with pytest.raises(NotFound):
            await attempt


async def test_no_number_is_too_large_to_be_asked_about(core: Core) -> None:
    for number in (1 << 63, 10**30):
        with pytest.raises(NotFound, match=f"no request {number}"):
            await core.revocations.approve(number, actor="test")


async def test_an_invalidity_date_is_not_before_the_certificate(core: Core) -> None:
    certificate = await issued(core)

    with pytest.raises(BadReason, match="before the certificate began"):
        await core.revocations.revoke(
            certificate.serial, Reason.SUPERSEDED, actor="test", invalid_since=certificate.not_before - 1
        )
    await core.revocations.revoke(
        certificate.serial, Reason.SUPERSEDED, actor="test", invalid_since=certificate.not_before
    )

    assert since_of(await entry_of(core, certificate)) == certificate.not_before


async def test_what_a_key_takes_along_was_not_invalid_before_it_began(core: Core) -> None:
    key = new_key()
    first = await issued(core, key=key)
    core.clock.move(70 * DAY)
    renewed = await enroll(core, "acc", key=key)

    await core.revocations.revoke(
        first.serial, Reason.KEY_COMPROMISE, actor="test", invalid_since=first.not_before + HOUR
    )

    assert since_of(await entry_of(core, first)) == first.not_before + HOUR
    assert since_of(await entry_of(core, renewed)) == renewed.not_before


@pytest.mark.parametrize(("later", "kept"), [(None, HOUR), (2 * HOUR, HOUR), (1, 1)])
async def test_the_earlier_invalidity_date_is_kept(core: Core, later: int | None, kept: int) -> None:
    certificate = await issued(core)
    core.clock.move(DAY)
    desk, start = core.revocations, certificate.not_before
    await desk.revoke(certificate.serial, Reason.SUPERSEDED, actor="officer", invalid_since=start + HOUR)

    if later is None:
        await ask(core, certificate, Reason.KEY_COMPROMISE, Asker.HOLDER)
    else:
        await desk.revoke(certificate.serial, Reason.KEY_COMPROMISE, actor="officer", invalid_since=start + later)

    entry = await entry_of(core, certificate)
    assert (reason_of(entry), since_of(entry)) == (ReasonFlags.key_compromise, start + kept)
    assert (await core.journal("certificate-revoked"))[-1].detail["invalid_since"] == start + kept
    async with core.database.read() as tx:
        assert await tx.one("SELECT invalid_since FROM revocations") == (start + kept,)


async def test_an_invalidity_date_is_not_in_the_future(core: Core) -> None:
    certificate = await issued(core)

    with pytest.raises(BadReason, match="future"):
        await core.revocations.revoke(
            certificate.serial, Reason.KEY_COMPROMISE, actor="test", invalid_since=core.clock.now() + 1
        )


async def test_a_change_that_cannot_be_recorded_is_not_made(on_hold: Core) -> None:
    """Status, journal, request and work commit together or not at all."""
    certificate = await issued(on_hold)
    async with on_hold.database.write() as tx:
        await tx.script("DROP TABLE work;")

    with pytest.raises(Exception, match="work"):
        await ask(on_hold, certificate)

    assert (await now(on_hold, certificate)).revoked_at is None
    assert await on_hold.revocations.requests(every=True) == []
    assert await on_hold.journal("revocation-requested", "certificate-held") == []

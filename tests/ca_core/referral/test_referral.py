"""Certificates that an officer looks at first: what is referred, what it costs, and what comes of it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from cryptography import x509

from ca_core import names
from ca_core.applicant import Applicant, Door
from ca_core.errors import (
    CredentialSpent,
    InProgress,
    Misconfigured,
    NameNotGranted,
    NotFound,
    RegistrationClosed,
    RegistrationExpired,
    RegistrationSuspended,
    RequestRejected,
    Throttled,
    WeakKey,
    WrongState,
)
from ca_core.policy.blocklist import Blocklist
from ca_core.policy.profile import BUILT_IN, ApprovalRule, RevocationRule
from ca_core.policy.request import CertificationRequest, parse
from ca_core.referral import intake
from ca_core.referral.request import MOST_WAITING, EnrollmentRequest, Referred, RequestState, at_once
from ca_core.revocation.desk import UnderReview
from ca_core.revocation.reason import Reason
from ca_core.revocation.rules import Asker
from ca_core.store import enrollment_requests, key_owners
from ca_core.store.certificates import Certificate
from protocols.acme.records import orders
from tests.builders import csr
from tests.builders.ca_key import enrolling
from tests.builders.core import Core, granted
from tests.builders.core import core as open_core
from tests.builders.est import Csr
from tests.builders.reviewed import OFFICER, approve, referred, reviewed, stored, work

DAY = 86_400
NAME = names.dns("a.example")


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    """One in which devices are always looked at, and signing certificates the first time."""
    profiles = reviewed(ApprovalRule.ALWAYS, "device")
    profiles["signing"] = reviewed(ApprovalRule.FIRST, "signing")["signing"]
    profiles["device"] = msgspec.structs.replace(profiles["device"], revocation=RevocationRule.REVIEWED)
    async with open_core(tmp_path, profiles) as opened:
        yield opened


def request(*asked: str, key: csr.Key | None = None) -> CertificationRequest:
    return parse(Csr(names=asked).der() if key is None else csr.csr(key))


def like(held: Certificate) -> CertificationRequest:
    """A renewal with a new key."""
    subject = x509.load_der_x509_certificate(held.der).subject
    return parse(Csr(names=["a.example"], subject=subject).der())


async def device(core: Core, account: str = "acc", *, uses: int | None = 1) -> Applicant:
    sheet = await core.register(account, *granted(NAME), kind="device", uses=uses, profiles=("device", "signing"))
    assert sheet.enrollment_code is not None
    return await core.sign_in.by_enrollment_code(account, sheet.enrollment_code, source="192.0.2.1", door=Door.EST)


async def asks(core: Core, who: Applicant, asked: CertificationRequest, profile: str = "device") -> Referred:
    return referred(await core.enrollment.enroll(who, asked, profile_name=profile))


async def test_an_officer_looks_and_the_same_request_gets_the_certificate_though_the_code_works_once(
    core: Core,
) -> None:
    who, asked = await device(core), request("a.example")

    answers = [await asks(core, who, asked) for _ in range(3)]

    assert answers == [Referred(1, retry_after_seconds=15)] * 3
    assert await core.certificates() == []
    await approve(core, 1)
    issued = await core.enroll(who, asked)
    assert issued.names == "dns:a.example"
    assert await core.certificates() == [issued]
    assert (await stored(core, 1)).serial == issued.serial
    with pytest.raises(CredentialSpent):
        await core.enroll(who, request())


async def test_it_is_in_the_journal_from_the_question_to_the_certificate(core: Core) -> None:
    who, asked = await device(core), request("a.example")

    await asks(core, who, asked)
    await approve(core, 1)

    entries = await core.journal("enrollment-referred", "enrollment-approved", "certificate-issued")
    assert [(entry.event, entry.actor) for entry in entries] == [
        ("enrollment-referred", "est:enrollment-code:192.0.2.1"),
        ("enrollment-approved", OFFICER),
        ("certificate-issued", "est:enrollment-code:192.0.2.1"),
    ]
    assert entries[0].detail["spki_sha256"] == asked.spki_sha256.hex()
    assert {entry.registration_id for entry in entries} == {who.registration_id}


async def test_one_request_sent_many_times_at_once_is_one_referral_and_one_use_of_the_code(core: Core) -> None:
    who, asked = await device(core), request()

    answers = await asyncio.gather(*(asks(core, who, asked) for _ in range(20)))

    assert set(answers) == {Referred(1)}
    assert len(await core.referrals.requests()) == 1
    assert len(await core.journal("enrollment-referred")) == 1


async def test_the_request_is_known_by_its_key_and_not_by_its_bytes(core: Core) -> None:
    who, key = await device(core, uses=None), csr.ec_key()

    first = await asks(core, who, parse(csr.csr(key, subject="CN=one")))
    again = await asks(core, who, parse(csr.csr(key, subject="CN=two")))
    other = await asks(core, who, request())

    assert (first.number, again.number, other.number) == (1, 1, 2)


async def test_what_would_be_refused_anyhow_never_reaches_an_officer(core: Core) -> None:
    who = await device(core)

    with pytest.raises(NameNotGranted):
        await core.enroll(who, request("b.example"))
    with pytest.raises(WeakKey):
        await core.enroll(who, request(key=csr.rsa_key(1024)))

    assert await core.referrals.requests(every=True) == []
    assert await asks(core, who, request()) == Referred(1)


async def test_a_rejection_answers_the_same_key_for_a_week_and_a_new_key_asks_anew(core: Core) -> None:
    who, asked = await device(core, uses=None), request()
    await asks(core, who, asked)

    await core.referrals.reject(1, actor=OFFICER, note="the form is not signed")

    with pytest.raises(RequestRejected, match="rejected request 1: the form is not signed; once that is settled"):
        await core.enroll(who, asked)
    assert await asks(core, who, request()) == Referred(2)
    core.clock.move(7 * DAY)
    assert await asks(core, who, asked) == Referred(3)
    (entry,) = await core.journal("enrollment-rejected")
    assert (entry.actor, entry.detail["note"]) == (OFFICER, "the form is not signed")


async def test_a_request_is_decided_once(core: Core) -> None:
    await asks(core, await device(core), request())
    await core.referrals.approve(1, actor=OFFICER)

    for decide in (core.referrals.approve, core.referrals.reject):
        with pytest.raises(WrongState, match="it is approved"):
            await decide(1, actor=OFFICER)
    for number in (2, 1 << 64):
        with pytest.raises(NotFound):
            await core.referrals.approve(number, actor=OFFICER)
        assert await core.referrals.request(number) is None


async def test_approved_twice_at_once_it_is_issued_once(core: Core) -> None:
    await asks(core, await device(core), request())

    outcomes = await asyncio.gather(
        *(core.referrals.approve(1, actor=OFFICER) for _ in range(5)), return_exceptions=True
    )

    assert sum(isinstance(outcome, WrongState) for outcome in outcomes) == 4
    await asyncio.gather(*(core.enrollment.issue_approved(1, orders.still_wanted) for _ in range(5)))
    assert len(await core.certificates()) == 1


async def test_two_turns_at_the_same_moment_issue_once(core: Core) -> None:
    """The second still sees it approved, as another server's worker may, and loses the compare-and-set."""
    await asks(core, await device(core), request())
    await core.referrals.approve(1, actor=OFFICER)
    approved = await stored(core, 1)
    await work(core)
    (issued,) = await core.certificates()
    await core.revocations.revoke(issued.serial, Reason.SUPERSEDED, actor="test")

    assert await _begun(core, approved) is None
    assert len(await core.certificates()) == 1


async def test_a_process_that_died_between_approval_and_issuance_is_taken_over(core: Core) -> None:
    who, asked = await device(core), request()
    await asks(core, who, asked)
    await core.referrals.approve(1, actor=OFFICER)
    assert await asks(core, who, asked) == Referred(1)

    # 1. The worker died with its lease; a new process lets go of all leases.
    assert await work(core) == 1

    assert (await core.enroll(who, asked)).serial == (await stored(core, 1)).serial


async def test_a_turn_that_began_with_an_older_key_leaves_it_to_the_next(core: Core) -> None:
    """Between its look and its transaction a newer order took the request over, and an officer agreed to that."""
    await asks(core, await device(core), request())
    older = await stored(core, 1)
    newer = request()
    async with core.database.write() as tx:
        taken = msgspec.structs.replace(older, csr=newer.der, spki_sha256=newer.spki_sha256)
        await enrollment_requests.hand_over(tx, taken, 1)
    await core.referrals.approve(1, actor=OFFICER)

    assert await _begun(core, older) is None

    await work(core)
    (issued,) = await core.certificates()
    assert issued.spki_sha256 == newer.spki_sha256


async def test_one_that_died_between_intention_and_signature_is_finished_under_the_same_serial(core: Core) -> None:
    who, asked = await device(core), request()
    await asks(core, who, asked)
    await core.referrals.approve(1, actor=OFFICER)
    approved = await stored(core, 1)
    serial = await _begun(core, approved)

    assert await work(core) == 1
    with pytest.raises(InProgress):
        await core.enroll(who, asked)
    assert await core.recover() == 1

    assert [one.serial for one in await core.certificates()] == [serial]


async def test_a_suspended_registration_cannot_be_approved_and_is_told_so(core: Core) -> None:
    await asks(core, await device(core), request())
    await core.desk.suspend("acc", actor="test")

    with pytest.raises(RegistrationSuspended):
        await core.referrals.approve(1, actor=OFFICER)

    await core.desk.resume("acc", actor="test")
    await approve(core, 1)
    assert len(await core.certificates()) == 1


async def test_what_stands_against_it_by_then_makes_it_rejected(core: Core) -> None:
    who, asked = await device(core), request("a.example")
    await asks(core, who, asked)
    await core.referrals.approve(1, actor=OFFICER, note="seen")
    await core.desk.regrant("acc", (), actor="test")

    await work(core)

    found = await stored(core, 1)
    assert (found.state, found.decided_by) == (RequestState.REJECTED, "server:referral-desk")
    assert "not registered for this account" in found.note
    assert await core.certificates() == []
    with pytest.raises(NameNotGranted):
        await core.enroll(who, asked)
    # No officer said no: the same key asks anew, and the use of its code was spent already.
    await core.desk.regrant("acc", granted(NAME), actor="test")
    assert await asks(core, who, asked) == Referred(2)
    with pytest.raises(CredentialSpent):
        await core.enroll(who, request())
    await approve(core, 2)
    assert (await core.enroll(who, asked)).serial == (await stored(core, 2)).serial


async def test_the_use_of_a_code_that_a_refusal_left_is_taken_once(tmp_path: Path) -> None:
    asked = request("a.example")
    async with open_core(tmp_path, reviewed(ApprovalRule.ALWAYS, "device")) as core:
        who = await device(core)
        await asks(core, who, asked)
        await core.referrals.approve(1, actor=OFFICER)
        await core.desk.regrant("acc", (), actor="test")
        await work(core)
        await core.desk.regrant("acc", granted(NAME), actor="test")

    async with open_core(tmp_path, BUILT_IN) as core:
        issued = await core.enroll(who, asked)
        await core.revocations.revoke(issued.serial, Reason.SUPERSEDED, actor="test")
        assert len(await core.journal("enrollment-lapsed")) == 1
        with pytest.raises(CredentialSpent):
            await core.enroll(who, asked)


async def test_what_an_order_asked_for_has_spent_no_use_of_a_code(core: Core) -> None:
    who, asked = await device(core), request("a.example")
    await asks(core, who, asked)
    order = msgspec.structs.replace(await stored(core, 1), request_key="acme-order:1", account="acme-account:1")
    async with core.database.write() as tx:
        await enrollment_requests.hand_over(tx, order, 1)
        await enrollment_requests.decide(
            tx, 1, was=RequestState.PENDING, to=RequestState.REJECTED, now=1, decided_by="server:referral-desk"
        )

    with pytest.raises(CredentialSpent):
        await core.enroll(who, asked)


@pytest.mark.parametrize("trouble", ["suspended", "compromised", "a live one"])
async def test_everything_is_decided_anew(core: Core, trouble: str) -> None:
    who, asked = await device(core, uses=None), request()
    await asks(core, who, asked)
    if trouble == "a live one":
        await asks(core, who, request())
        await approve(core, 2)
    await core.referrals.approve(1, actor=OFFICER)
    if trouble == "suspended":
        await core.desk.suspend("acc", actor="test")
    if trouble == "compromised":
        async with core.database.write() as tx:
            await key_owners.block(tx, asked.spki_sha256, registration_id=who.registration_id)

    await work(core)

    found = await stored(core, 1)
    expected = {"suspended": "suspended", "compromised": "compromised", "a live one": "renewal window opens"}
    assert found.state is RequestState.REJECTED
    assert expected[trouble] in found.note


async def test_a_busy_key_keeps_it_approved_until_the_key_is_back(core: Core) -> None:
    who, asked = await device(core), request()
    await asks(core, who, asked)
    await core.referrals.approve(1, actor=OFFICER)
    away, _, key = enrolling(core)
    key.rests = True

    assert await work(dataclasses.replace(core, enrollment=away)) == 0

    assert (await stored(core, 1)).state is RequestState.APPROVED
    core.clock.move(5)
    assert await work(core) == 1
    assert len(await core.certificates()) == 1


async def test_a_key_that_goes_away_in_the_middle_leaves_it_to_who_finishes_what_was_left(core: Core) -> None:
    who, asked = await device(core), request()
    await asks(core, who, asked)
    await core.referrals.approve(1, actor=OFFICER)
    away, issuer, key = enrolling(core)
    key.busy = True

    assert await work(dataclasses.replace(core, enrollment=away)) == 0

    assert (await stored(core, 1)).state is RequestState.ISSUED
    key.busy = False
    await issuer.finish_left(core.profiles)
    core.clock.move(5)
    assert await work(core) == 1
    assert [one.serial for one in await core.certificates()] == [(await stored(core, 1)).serial]


async def test_a_renewal_is_looked_at_where_the_profile_says_always(core: Core) -> None:
    who, asked = await device(core), request("a.example")
    await asks(core, who, asked)
    await approve(core, 1)
    held = await core.enroll(who, asked)
    core.clock.move(61 * DAY)
    holder = await _by_certificate(core, held)
    again = like(held)

    answer = referred(await core.enrollment.renew(holder, again))

    assert (await stored(core, answer.number)).replaces == held.serial
    await approve(core, answer.number)
    renewed = await core.renew(holder, again)
    assert (renewed.replaces, renewed.serial == held.serial) == (held.serial, False)


async def test_a_renewal_whose_certificate_was_revoked_meanwhile_is_rejected(core: Core) -> None:
    who, asked = await device(core), request("a.example")
    await asks(core, who, asked)
    await approve(core, 1)
    held = await core.enroll(who, asked)
    core.clock.move(61 * DAY)
    await core.enrollment.renew(await _by_certificate(core, held), like(held))
    await core.revocations.revoke(held.serial, Reason.KEY_COMPROMISE, actor="test")

    await approve(core, 2)

    assert "is revoked" in (await stored(core, 2)).note


async def test_the_first_of_a_profile_and_names_is_looked_at_and_what_replaces_it_is_not(core: Core) -> None:
    who = await device(core, uses=None)
    first = request()
    await asks(core, who, first, "signing")
    await approve(core, 1)
    held = await core.enroll(who, first, profile_name="signing")

    known = Applicant(who.registration_id, Door.EST, "test", "192.0.2.1")
    core.clock.move(340 * DAY)
    second = await core.enroll(known, request(), profile_name="signing")
    core.clock.move(365 * DAY + 29 * DAY)
    third = await core.enroll(known, request(), profile_name="signing")
    core.clock.move(365 * DAY + 31 * DAY)

    assert len({held.serial, second.serial, third.serial}) == 3
    with pytest.raises(RegistrationExpired):
        await core.enroll(known, request(), profile_name="signing")
    await core.desk.renew_registration("acc", actor="test")
    assert await asks(core, known, request(), "signing") == Referred(2)


@pytest.mark.parametrize(
    ("reason", "is_looked_at"),
    [
        (Reason.SUPERSEDED, False),
        (Reason.KEY_COMPROMISE, False),
        (Reason.AFFILIATION_CHANGED, True),
        (Reason.UNSPECIFIED, True),
    ],
)
async def test_after_a_revocation_it_is_looked_at_again_unless_only_the_key_had_to_go(
    core: Core, reason: Reason, is_looked_at: bool
) -> None:
    who, first = await device(core, uses=None), request()
    await asks(core, who, first, "signing")
    await approve(core, 1)
    held = await core.enroll(who, first, profile_name="signing")
    await core.revocations.revoke(held.serial, reason, actor="test")

    outcome = await core.enrollment.enroll(who, request(), profile_name="signing")

    assert isinstance(outcome, Referred) is is_looked_at


async def test_what_waits_is_called_for_at_half_time_and_when_overdue_and_lapses_after_a_month(core: Core) -> None:
    who, asked = await device(core, uses=None), request()
    await asks(core, who, asked)

    assert await core.referrals.turn() == []
    core.clock.move(5 * DAY // 2)
    (half,) = await core.referrals.turn()
    core.clock.move(3 * DAY)
    (overdue,) = await core.referrals.turn()
    again = await core.referrals.turn()
    core.clock.move(25 * DAY)
    await core.referrals.turn()

    assert (half.number, half.is_overdue, overdue.is_overdue, again) == (1, False, True, [])
    assert (await stored(core, 1)).state is RequestState.LAPSED
    assert [entry.detail["is_overdue"] for entry in await core.journal("enrollment-request-late")] == [False, True]
    assert len(await core.journal("enrollment-lapsed")) == 1
    assert await asks(core, who, asked) == Referred(2)


async def test_a_closed_registrations_requests_lapse(core: Core) -> None:
    await asks(core, await device(core), request())
    await core.desk.close("acc", actor="test")
    with pytest.raises(RegistrationClosed):
        await core.referrals.approve(1, actor=OFFICER)

    await core.referrals.turn()

    assert (await stored(core, 1)).state is RequestState.LAPSED
    assert await core.referrals.requests() == []


async def test_an_officer_is_not_drowned_by_one_registration(core: Core) -> None:
    who = await device(core, uses=None)
    for _ in range(2):
        await asks(core, who, request())
    pattern = await stored(core, 1)
    async with core.database.write() as tx:
        for number in range(MOST_WAITING - 2):
            fake = msgspec.structs.replace(pattern, spki_sha256=number.to_bytes(32, "big"))
            await enrollment_requests.insert(tx, fake)

    with pytest.raises(Throttled, match="100 requests of this registration wait"):
        await core.enroll(who, request())


async def test_what_waits_stays_an_officers_when_the_profile_is_not_looked_at_any_more(tmp_path: Path) -> None:
    asked = request()
    async with open_core(tmp_path, reviewed(ApprovalRule.ALWAYS, "device")) as core:
        who = await device(core)
        await asks(core, who, asked)

    async with open_core(tmp_path, BUILT_IN) as core:
        assert await asks(core, who, asked) == Referred(1)
        with pytest.raises(CredentialSpent):
            await core.enroll(who, request())
        await approve(core, 1)
        assert (await core.enroll(who, asked)).serial == (await stored(core, 1)).serial


async def test_a_key_that_was_blocked_since_is_not_certified_on_an_approval(tmp_path: Path) -> None:
    asked, profiles = request(), reviewed(ApprovalRule.ALWAYS, "device")
    async with open_core(tmp_path, profiles) as core:
        await asks(core, await device(core), asked)

    async with open_core(tmp_path, profiles, blocked=Blocklist(asked.spki_sha256)) as core:
        await approve(core, 1)

        assert (await stored(core, 1)).state is RequestState.REJECTED
        assert await core.certificates() == []


async def test_both_kinds_of_requests_share_their_numbers(core: Core) -> None:
    who, asked = await device(core, uses=None), request()
    await asks(core, who, asked)
    await approve(core, 1)
    issued = await core.enroll(who, asked)

    revocation = await core.revocations.ask(issued.serial, Reason.SUPERSEDED, asker=Asker.SUBSCRIBER, actor="test")
    again = await core.revocations.ask(issued.serial, Reason.SUPERSEDED, asker=Asker.SUBSCRIBER, actor="test")

    assert isinstance(revocation, UnderReview)
    assert (revocation.number, again) == (2, revocation)
    assert (await asks(core, who, request(), "signing")).number == 3


async def test_the_same_put_down_twice_at_one_moment_is_to_be_asked_again(core: Core) -> None:
    await asks(core, await device(core), request())
    asking = await stored(core, 1)

    with pytest.raises(InProgress):
        async with core.database.write() as tx:
            await intake.refer(tx, asking, None, now=core.clock.now())


async def test_who_cannot_wait_is_told_what_waits(core: Core) -> None:
    with pytest.raises(Misconfigured, match="request 7 waits for an officer"):
        at_once(Referred(7))


def test_it_says_in_a_sentence_that_it_waits() -> None:
    assert str(Referred(7)) == "request 7 waits for the registration authority; send the same request again later"


async def test_a_request_is_overdue_while_it_waits_only(core: Core) -> None:
    await asks(core, await device(core), request())
    found = await stored(core, 1)

    assert not found.is_overdue(found.due_at - 1)
    assert found.is_overdue(found.due_at)
    assert not msgspec.structs.replace(found, state=RequestState.APPROVED).is_overdue(found.due_at)


async def test_without_a_rule_nobody_looks(tmp_path: Path) -> None:
    async with open_core(tmp_path, BUILT_IN) as core:
        await core.enroll(await device(core), request())

        assert await core.referrals.requests(every=True) == []


async def _begun(core: Core, approved: EnrollmentRequest) -> str | None:
    """The serial of the intention that one turn stores, and no more of the turn."""
    async with core.database.write() as tx:
        begun = await core.enrollment._intend_approved(
            tx, approved.number, parse(approved.csr), orders.still_wanted, now=core.clock.now()
        )
    return None if begun is None else begun.intention.serial


async def _by_certificate(core: Core, held: Certificate) -> Applicant:
    return await core.sign_in.by_certificate(held.der, int(held.serial, 16), source="192.0.2.1", door=Door.EST)

"""Where requests that an officer must look at are put down, and found again; each within its caller's transaction."""

from __future__ import annotations

from ca_core import names as names_module
from ca_core.applicant import Applicant
from ca_core.audit import journal
from ca_core.audit.event import EnrollmentHandedOver, EnrollmentLapsed, EnrollmentReferred, EnrollmentRejected, Event
from ca_core.errors import CredentialSpent, InProgress
from ca_core.order_claim import OrderClaim
from ca_core.policy import decision
from ca_core.policy.decision import Verdict, Wish
from ca_core.policy.profile import ApprovalRule
from ca_core.policy.request import CertificationRequest
from ca_core.referral.request import (
    CLOCKWORK,
    DUE_SECONDS,
    EnrollmentRequest,
    Referred,
    RequestState,
    require_room,
    still_waiting,
)
from ca_core.store import approvals, certificates, credentials, enrollment_requests, holds
from ca_core.store.database import Transaction


def asked(
    applicant: Applicant,
    wish: Wish,
    request: CertificationRequest,
    order: OrderClaim | None = None,
    *,
    now: int,
) -> EnrollmentRequest:
    """A wish as it would be put down; its number is still to be given."""
    return EnrollmentRequest(
        number=0,
        registration_id=applicant.registration_id,
        profile=wish.profile.name,
        names=names_module.canonical(wish.names),
        spki_sha256=request.spki_sha256,
        csr=request.der,
        door=applicant.door,
        proof=applicant.proof,
        source=applicant.source,
        shown=applicant.serial,
        proved=wish.proved,
        replaces=wish.replaces,
        period=wish.period,
        request_key=order.request_key if order else None,
        account=order.account if order else None,
        credential_id=applicant.credential_id or (order.credential_id if order else None),
        state=RequestState.PENDING,
        requested_at=now,
        due_at=now + DUE_SECONDS,
    )


async def admit(
    tx: Transaction, asking: EnrollmentRequest, wish: Wish, *, credential_id: str | None, now: int
) -> EnrollmentRequest | None:
    """Find the same request, if it waits already, or what waits for the same ACME account under an older key.

    Else take one use of the credential that asks.

    Raises:
        RequestRejected: an officer rejected it, and that is not long ago.
        CredentialSpent, CredentialExpired, WrongSecret: there is no use left to take.
    """
    is_looked_at = wish.profile.approval is not ApprovalRule.AUTOMATIC
    earlier = await _earlier(tx, asking, now=now) if is_looked_at else None
    if earlier is not None or credential_id is None or await _take_paid(tx, asking, now=now):
        return earlier
    try:
        await credentials.spend(tx, credential_id, now=now)
    except CredentialSpent:
        # What was put down while the profile was looked at took the last use, and is still an officer's to decide.
        earlier = None if is_looked_at else await _earlier(tx, asking, now=now)
        if earlier is None:
            raise
    return earlier


async def _take_paid(tx: Transaction, asking: EnrollmentRequest, *, now: int) -> bool:
    """Take, once, the use that was spent for this key when this server refused what an officer had approved for it."""
    newest = await _newest(tx, asking)
    if newest is None or not newest.is_refused:
        return False
    if newest.request_key is not None or newest.proof != asking.proof:
        # An order or a certificate asked, and spent nothing.
        return False
    was, to = RequestState.REJECTED, RequestState.LAPSED
    await enrollment_requests.decide(tx, newest.number, was=was, to=to, now=now, decided_by=CLOCKWORK, note=newest.note)
    await _journal(tx, asking, EnrollmentLapsed(newest.number), now=now)
    return True


async def _newest(tx: Transaction, asking: EnrollmentRequest) -> EnrollmentRequest | None:
    return await enrollment_requests.newest(
        tx, asking.registration_id, asking.profile, asking.names, asking.spki_sha256
    )


async def _earlier(tx: Transaction, asking: EnrollmentRequest, *, now: int) -> EnrollmentRequest | None:
    waiting = still_waiting(await _newest(tx, asking), now=now)
    if waiting is None and asking.account is not None:
        # Many clients make a key for each order: by their keys, an officer would find one request for each night.
        return await enrollment_requests.waiting_of(tx, asking.account, asking.profile, asking.names)
    return waiting


async def verdict(tx: Transaction, asking: EnrollmentRequest, wish: Wish, *, now: int) -> Verdict:
    """Whether an officer must look, by what the registration holds and held."""
    was_held = wish.profile.approval is ApprovalRule.FIRST and await certificates.was_held(
        tx, asking.registration_id, asking.profile, asking.names, since=now - decision.JUST_HELD_SECONDS
    )
    return decision.verdict(wish.profile, was_held=was_held)


async def refer(
    tx: Transaction, asking: EnrollmentRequest, earlier: EnrollmentRequest | None, *, is_open: bool = False, now: int
) -> Referred:
    """Put a request down, or find the one that waits; an order that comes with the same wish takes it over.

    Args:
        is_open: whether an ACME account asks for which nobody vouched.

    Raises:
        Throttled: too many of this registration wait, or of this account or source where it is an open one.
        InProgress: somebody else is putting the same down.
    """
    if earlier is not None:
        if asking.request_key is not None and asking.request_key != earlier.request_key:
            await enrollment_requests.hand_over(tx, asking, earlier.number)
            if asking.spki_sha256 != earlier.spki_sha256:
                await approvals.forget(tx, earlier.number)
            event = EnrollmentHandedOver(request=earlier.number, spki_sha256=asking.spki_sha256.hex())
            await _journal(tx, asking, event, now=now)
        return Referred(earlier.number)
    await tx.hold(holds.waiting(asking.registration_id))
    require_room(await enrollment_requests.asking(tx, asking.registration_id), asking, is_open=is_open)
    number = await enrollment_requests.insert(tx, asking)
    if number is None:
        raise InProgress("the same request is being recorded at this moment", retry_after_seconds=1)
    put_down = EnrollmentReferred(
        request=number,
        profile=asking.profile,
        names=tuple(asking.names.splitlines()),
        spki_sha256=asking.spki_sha256.hex(),
        replaces=asking.replaces,
        due_at=asking.due_at,
    )
    await _journal(tx, asking, put_down, now=now)
    return Referred(number)


async def refuse(tx: Transaction, approved: EnrollmentRequest, why: str, *, now: int) -> None:
    """Reject what an officer has approved, because something stands against it by now."""
    if await enrollment_requests.decide(
        tx,
        approved.number,
        was=RequestState.APPROVED,
        to=RequestState.REJECTED,
        now=now,
        decided_by=CLOCKWORK,
        note=why,
    ):
        await journal.record(
            tx,
            EnrollmentRejected(approved.number, why),
            now=now,
            actor=CLOCKWORK,
            registration_id=approved.registration_id,
        )


async def withdraw(tx: Transaction, waiting: EnrollmentRequest, *, actor: str, now: int) -> None:
    """Take back what waits for an officer, because whoever asked has given up what it was asked for."""
    if await enrollment_requests.decide(
        tx, waiting.number, was=RequestState.PENDING, to=RequestState.LAPSED, now=now, decided_by=actor
    ):
        event, registration_id = EnrollmentLapsed(waiting.number), waiting.registration_id
        await journal.record(tx, event, now=now, actor=actor, registration_id=registration_id)


async def _journal(tx: Transaction, asking: EnrollmentRequest, event: Event, *, now: int) -> None:
    actor, registration_id = asking.applicant.actor, asking.registration_id
    await journal.record(tx, event, now=now, actor=actor, registration_id=registration_id)

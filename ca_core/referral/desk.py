"""The desk for referrals: an officer approves or rejects; a worker issues what was approved."""

from __future__ import annotations

from contextlib import suppress

from ca_core.audit import journal
from ca_core.audit.event import (
    EnrollmentApproved,
    EnrollmentLapsed,
    EnrollmentRejected,
    EnrollmentRequestLate,
    Event,
)
from ca_core.clock import Clock
from ca_core.errors import NotFound, WrongState
from ca_core.referral.request import CLOCKWORK, EnrollmentRequest, Escalation, RequestState
from ca_core.registration.kind import PRESETS, Kinds
from ca_core.staff import makers, votes
from ca_core.staff.request import Agreed
from ca_core.store import enrollment_requests, holds, registrations, work
from ca_core.store.database import Database, Transaction
from ca_core.work.item import ISSUE_APPROVED

# Of the database's BIGINT; people type any number.
_NUMBER_BITS = 63


class ReferralDesk:
    """Decides requests for certificates; signs nothing."""

    def __init__(self, database: Database, clock: Clock, kinds: Kinds = PRESETS) -> None:
        self._database = database
        self._clock = clock
        self._kinds = kinds

    async def request(self, number: int) -> EnrollmentRequest | None:
        """Look a request up; None where the number is another kind's, or nobody's."""
        if number.bit_length() > _NUMBER_BITS:
            return None
        async with self._database.read() as tx:
            return await enrollment_requests.by_number(tx, number)

    async def requests(self, *, every: bool = False) -> list[EnrollmentRequest]:
        """What waits for an officer, the most urgent first; or all that ever came, oldest first."""
        async with self._database.read() as tx:
            return await (enrollment_requests.every(tx) if every else enrollment_requests.pending(tx))

    async def approve(self, number: int, *, actor: str, note: str = "") -> EnrollmentRequest | Agreed:
        """Agree to a request: a running server issues it within seconds, if nothing stands against it then.

        Where the registration's kind wants several officers, nothing comes of it before the last of them agrees.

        Raises:
            NotFound, WrongState: there is no such request, it does not wait any more, or who agrees has agreed before.
            OwnRequest: who agrees has made the secret that asks, and enough others could decide.
            RegistrationSuspended, RegistrationExpired, RegistrationClosed: nothing could be issued.
        """
        now = self._clock.now()
        async with self._database.write() as tx:
            asked = await _held(tx, number)
            registration = await registrations.by_id(tx, asked.registration_id)
            registration.require_active(now)
            kind = self._kinds.get(registration.kind)
            needed = max(1, kind.approvals.issue if kind else 0)
            await makers.require_other_hands(tx, asked, registration.realm, needed=needed, actor=actor, now=now)
            agreed = await votes.agree(
                tx, number, asked_by=asked.applicant.actor, needed=needed, actor=actor, note=note, now=now
            )
            if agreed is not None:
                return agreed
            await self._decide(
                tx, asked, RequestState.APPROVED, EnrollmentApproved(number, note), actor=actor, note=note
            )
            await work.add(tx, ISSUE_APPROVED, str(number), now=now)
        return asked

    async def reject(self, number: int, *, actor: str, note: str = "") -> EnrollmentRequest:
        """Turn a request down; whoever asked is shown the note.

        Raises:
            NotFound, WrongState: there is no such request, or it does not wait any more.
        """
        async with self._database.write() as tx:
            asked = await _held(tx, number)
            await votes.disagree(tx, number, actor=actor, note=note, now=self._clock.now())
            await self._decide(
                tx, asked, RequestState.REJECTED, EnrollmentRejected(number, note), actor=actor, note=note
            )
        return asked

    async def turn(self) -> list[Escalation]:
        """One turn of the worker: call for requests that wait too long, once at half-time and once when overdue.

        What nobody decided for long enough, and what waits for a closed registration, lapses.
        """
        now = self._clock.now()
        async with self._database.read() as tx:
            if not await enrollment_requests.late(tx, now=now) and not await enrollment_requests.lapsing(tx, now=now):
                return []
        async with self._database.write() as tx:
            for asked in await enrollment_requests.lapsing(tx, now=now):
                # Unless an officer, or another server, decides it at this moment.
                with suppress(WrongState):
                    await self._decide(tx, asked, RequestState.LAPSED, EnrollmentLapsed(asked.number), actor=CLOCKWORK)
            return [late for late in await enrollment_requests.late(tx, now=now) if await self._call(tx, late)]

    async def _decide(
        self, tx: Transaction, asked: EnrollmentRequest, to: RequestState, event: Event, *, actor: str, note: str = ""
    ) -> None:
        now, was = self._clock.now(), RequestState.PENDING
        if not await enrollment_requests.decide(tx, asked.number, was=was, to=to, now=now, decided_by=actor, note=note):
            raise WrongState(f"request {asked.number} does not wait any more")
        await journal.record(tx, event, now=now, actor=actor, registration_id=asked.registration_id)

    async def _call(self, tx: Transaction, late: Escalation) -> bool:
        if not await enrollment_requests.call(tx, late):
            return False
        event = EnrollmentRequestLate(request=late.number, due_at=late.due_at, is_overdue=late.is_overdue)
        now = self._clock.now()
        await journal.record(tx, event, now=now, actor=CLOCKWORK, registration_id=late.registration_id)
        return True


async def _held(tx: Transaction, number: int) -> EnrollmentRequest:
    """A request that waits: of two who vote on it at once, the second one sees what the first has said."""
    if number.bit_length() <= _NUMBER_BITS:
        await tx.hold(holds.request(number))
    return await _waiting(tx, number)


async def _waiting(tx: Transaction, number: int) -> EnrollmentRequest:
    asked = await enrollment_requests.by_number(tx, number) if number.bit_length() <= _NUMBER_BITS else None
    if asked is None:
        raise NotFound(f"there is no request {number}; see: soapstone requests")
    if asked.state is not RequestState.PENDING:
        raise WrongState(f"request {number} does not wait any more: it is {asked.state}")
    return asked

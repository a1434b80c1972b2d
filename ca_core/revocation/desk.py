"""The revocation desk: whoever asks for a revocation, through whichever door, asks here (RULES, S11).

Who asks is for the door to prove. Whether this asker may give this reason, and whether it is done at once or waits
for an officer, is decided here, by the tables in `ca_core.revocation.rules`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ca_core.audit import journal
from ca_core.audit.event import RevocationRequested, RevocationRequestLate
from ca_core.clock import Clock, rfc3339
from ca_core.errors import AlreadyRevoked, BadReason, CertificateExpired, InProgress, NotFound, WrongState
from ca_core.policy.profile import Profile
from ca_core.registration.kind import PRESETS, Kind, Kinds
from ca_core.revocation import acts, rules
from ca_core.revocation.acts import Act
from ca_core.revocation.reason import Reason
from ca_core.revocation.request import Escalation, RequestState, RevocationRequest
from ca_core.revocation.rules import Asker, Course
from ca_core.staff import votes
from ca_core.staff.request import Agreed
from ca_core.store import approvals, certificates, holds, registrations, revocation_requests
from ca_core.store.certificates import Certificate
from ca_core.store.database import Claim, Database, Transaction

CLOCKWORK = "server:revocation-desk"
"""The journal's actor for what time alone brings about."""

# Of the database's BIGINT; people type any number.
_NUMBER_BITS = 63


class Revoked(msgspec.Struct, frozen=True):
    """It is done; the CRL follows within a minute.

    Attributes:
        serials: the certificate's, then those of every other one with the same compromised key.
    """

    serials: tuple[str, ...]


class UnderReview(msgspec.Struct, frozen=True):
    """An officer must look at it, by `due_at` (UTC seconds)."""

    number: int
    due_at: int


class RevocationDesk:
    """Revokes, holds and releases; keeps the requests that wait.

    Args:
        profiles: by name; they say which requests wait, and which certificates may be on hold.
        kinds: they may say that more requests wait, and how many officers must agree.
    """

    def __init__(
        self, database: Database, clock: Clock, profiles: Mapping[str, Profile], kinds: Kinds = PRESETS
    ) -> None:
        self._database = database
        self._clock = clock
        self._profiles = profiles
        self._kinds = kinds

    async def ask(
        self, serial: str, reason: Reason, *, asker: Asker, actor: str, invalid_since: int | None = None
    ) -> Revoked | UnderReview:
        """Ask for a revocation: it is carried out, or recorded for an officer, as the certificate's profile says.

        A request that is repeated while the first one waits is the first one, unless its reason is more urgent.

        Args:
            serial: 40 hex digits.
            asker: what the door has proved.
            invalid_since: as in `revoke`; of a request that waits nothing is kept of it, as the officer decides it.

        Raises:
            BadReason: not for this asker to give, or such a date as `revoke` refuses.
            NotFound, AlreadyRevoked: as they say.
            CertificateExpired: as it says; a compromised key is blocked all the same, where nobody has to look at it.
        """
        rules.require_reason(asker, reason)
        now = self._clock.now()
        act = Act(reason=reason, asker=asker, actor=actor, now=now, invalid_since=invalid_since)
        async with self._database.write() as tx:
            await tx.hold(holds.STATUSES)
            certificate = await _known(tx, serial)
            _require_since(certificate, invalid_since, now=now)
            kind = await self._kind(tx, certificate)
            course = rules.course(self._profiles.get(certificate.profile), asker, reason, rules.said_by(kind))
            if course is not Course.AT_ONCE:
                return await self._put_down(tx, certificate, act, course)
            outcome = await _carry_out(tx, certificate, act)
        return _told(outcome)

    async def revoke(
        self,
        serial: str,
        reason: Reason,
        *,
        actor: str,
        asker: Asker = Asker.OPERATOR,
        invalid_since: int | None = None,
        note: str = "",
        claim: Claim | None = None,
    ) -> Revoked:
        """Revoke for good and at once, as an officer or the operator does.

        Args:
            serial: 40 hex digits.
            claim: what else is decided in the same transaction.
            invalid_since: since when it is not to be trusted, UTC seconds (RFC 5280, 5.3.2); None where nobody knows.

        Raises:
            BadReason: not a final one, not for this asker to give, or an invalidity date that is yet to come or
                before the certificate began.
            NotFound, AlreadyRevoked: as they say.
            CertificateExpired: as it says; a compromised key is blocked all the same.
        """
        rules.require_final(reason)
        rules.require_reason(asker, reason)
        now = self._clock.now()
        act = Act(reason=reason, asker=asker, actor=actor, now=now, invalid_since=invalid_since, note=note)
        async with self._database.write() as tx:
            await tx.hold(holds.STATUSES)
            certificate = await _known(tx, serial)
            _require_since(certificate, invalid_since, now=now)
            if claim is not None:
                await claim(tx)
            outcome = await _carry_out(tx, certificate, act)
        return _told(outcome)

    async def hold(self, serial: str, *, actor: str, note: str = "") -> None:
        """Put a certificate on hold until it is released or revoked; it stays so if a request that held it is rejected.

        Raises:
            BadReason: its profile knows no hold.
            NotFound, AlreadyRevoked, CertificateExpired, WrongState: as they say.
        """
        act = self._officers_act(Reason.CERTIFICATE_HOLD, actor=actor, note=note)
        async with self._database.write() as tx:
            await tx.hold(holds.STATUSES)
            certificate = await _known(tx, serial)
            profile = self._profiles.get(certificate.profile)
            if profile is None or not profile.hold:
                raise BadReason(
                    f"certificates of the profile {certificate.profile} are never on hold;"
                    " revoke it, or suspend its registration"
                )
            await acts.hold(tx, certificate, act)

    async def release(self, serial: str, *, actor: str, note: str = "") -> None:
        """Let a certificate come back from hold. A request that had put it there waits on.

        Raises:
            NotFound, WrongState: there is no such certificate, or it is not on hold.
        """
        act = self._officers_act(Reason.REMOVE_FROM_CRL, actor=actor, note=note)
        async with self._database.write() as tx:
            await tx.hold(holds.STATUSES)
            certificate = await _known(tx, serial)
            await acts.release(tx, certificate, act)
            request = await revocation_requests.pending_for(tx, serial)
            if request is not None:
                await revocation_requests.set_holds(tx, request.number, holds=False)

    async def approve(self, number: int, *, actor: str, note: str = "") -> Revoked | Agreed:
        """Agree to a request: what it asks for is revoked, with its reason.

        Where the registration's kind wants several officers, nothing comes of it before the last of them agrees.

        Raises:
            NotFound, WrongState: there is no such request, it does not wait any more, or who agrees has agreed before.
            OwnRequest: who agrees has asked for it.
            CertificateExpired: as it says; the request lapses by itself, unless a compromised key was blocked by it.
        """
        async with self._database.write() as tx:
            await tx.hold(holds.STATUSES)
            request = await _waiting(tx, number)
            act = msgspec.structs.replace(
                self._officers_act(request.reason, actor=actor, note=note), request=request.number
            )
            certificate = await _known(tx, request.serial)
            kind = await self._kind(tx, certificate)
            needed = max(1, kind.approvals.revoke if kind else 0)
            agreed = await votes.agree(
                tx, number, asked_by=request.actor, needed=needed, actor=actor, note=note, now=act.now
            )
            if agreed is not None:
                return agreed
            if not await acts.close_request(tx, request, RequestState.APPROVED, act):
                raise _decided(request)
            outcome = await _carry_out(tx, certificate, act)
        return _told(outcome)

    async def reject(self, number: int, *, actor: str, note: str = "") -> RevocationRequest:
        """Turn a request down; the hold that it brought is released. Returns the request as it was.

        Raises:
            NotFound, WrongState: there is no such request, or it does not wait any more.
        """
        async with self._database.write() as tx:
            await tx.hold(holds.STATUSES)
            request = await _waiting(tx, number)
            act = msgspec.structs.replace(
                self._officers_act(Reason.REMOVE_FROM_CRL, actor=actor, note=note), request=request.number
            )
            await votes.disagree(tx, number, actor=actor, note=note, now=act.now)
            if not await acts.close_request(tx, request, RequestState.REJECTED, act):
                raise _decided(request)
            if request.holds:
                await acts.release(tx, await _known(tx, request.serial), act)
            return request

    async def requests(self, *, every: bool = False) -> list[RevocationRequest]:
        """What waits, the most urgent first; or all that ever came, oldest first."""
        async with self._database.read() as tx:
            return await (revocation_requests.every(tx) if every else revocation_requests.pending(tx))

    async def turn(self) -> list[Escalation]:
        """One turn of the worker: call for requests that wait too long, once at half-time and once when overdue.

        What has waited until its certificate expired lapses.
        """
        now = self._clock.now()
        async with self._database.read() as tx:
            if not await revocation_requests.late(tx, now=now) and not await revocation_requests.expired(tx, now=now):
                return []
        async with self._database.write() as tx:
            await tx.hold(holds.STATUSES)
            for request in await revocation_requests.expired(tx, now=now):
                act = Act(reason=request.reason, asker=Asker.OPERATOR, actor=CLOCKWORK, now=now)
                await acts.close_request(tx, request, RequestState.LAPSED, act)
            return [late for late in await revocation_requests.late(tx, now=now) if await self._call(tx, late, now)]

    async def certificate(self, serial: str) -> Certificate | None:
        """Look an issued certificate up; None when there is none."""
        async with self._database.read() as tx:
            return await certificates.by_serial(tx, serial)

    async def every(self, registration_id: str | None) -> list[Certificate]:
        """All issued certificates, of one registration or of all, oldest first."""
        async with self._database.read() as tx:
            return await certificates.every(tx, registration_id=registration_id)

    async def _kind(self, tx: Transaction, certificate: Certificate) -> Kind | None:
        # One that the settings do not know any more has no rule, as a profile has none then.
        return self._kinds.get((await registrations.by_id(tx, certificate.registration_id)).kind)

    def _officers_act(self, reason: Reason, *, actor: str, note: str) -> Act:
        return Act(reason=reason, asker=Asker.OPERATOR, actor=actor, now=self._clock.now(), note=note)

    async def _put_down(self, tx: Transaction, certificate: Certificate, act: Act, course: Course) -> UnderReview:
        """Record a request, or find the one that waits already."""
        _require_worth_asking(certificate, act)
        due_at = rules.due_at(act.reason, now=act.now)
        number = await revocation_requests.insert(
            tx,
            certificate.serial,
            certificate.registration_id,
            reason=act.reason,
            asker=act.asker,
            actor=act.actor,
            now=act.now,
            due_at=due_at,
        )
        if number is None:
            return await self._ask_again(tx, certificate, act)
        await _journal_request(tx, certificate, act, number=number, due_at=due_at)
        if course is Course.REVIEW_ON_HOLD and certificate.revoked_at is None:
            holding = msgspec.structs.replace(act, reason=Reason.CERTIFICATE_HOLD, request=number)
            await acts.hold(tx, certificate, holding)
            await revocation_requests.set_holds(tx, number, holds=True)
        return UnderReview(number, due_at)

    async def _ask_again(self, tx: Transaction, certificate: Certificate, act: Act) -> UnderReview:
        waiting = await revocation_requests.pending_for(tx, certificate.serial)
        if waiting is None:
            raise InProgress("another request is being recorded at this moment", retry_after_seconds=1)
        if not rules.is_more_urgent(act.reason, waiting.reason):
            return UnderReview(waiting.number, waiting.due_at)
        due_at = min(waiting.due_at, rules.due_at(act.reason, now=act.now))
        await revocation_requests.sharpen(
            tx, waiting.number, reason=act.reason, asker=act.asker, actor=act.actor, due_at=due_at
        )
        await approvals.forget(tx, waiting.number)
        await _journal_request(tx, certificate, act, number=waiting.number, due_at=due_at)
        return UnderReview(waiting.number, due_at)

    @staticmethod
    async def _call(tx: Transaction, late: Escalation, now: int) -> bool:
        if not await revocation_requests.call(tx, late):
            return False
        event = RevocationRequestLate(request=late.number, due_at=late.due_at, is_overdue=late.is_overdue)
        await journal.record(tx, event, now=now, actor=CLOCKWORK, serial=late.serial)
        return True


def require_revocable(
    certificate: Certificate, reason: Reason, *, asker: Asker, invalid_since: int | None, now: int
) -> None:
    """Let only pass what `RevocationDesk.revoke` would do as things are now.

    Raises:
        BadReason, AlreadyRevoked, CertificateExpired: as that says.
    """
    rules.require_final(reason)
    rules.require_reason(asker, reason)
    _require_since(certificate, invalid_since, now=now)
    if certificate.reason is not None and not rules.may_replace(Reason(certificate.reason), reason, asker):
        raise AlreadyRevoked("the certificate is revoked already")
    # The key of one that has expired can still be blocked.
    if reason is not Reason.KEY_COMPROMISE:
        acts.require_unexpired(certificate, now)


async def _known(tx: Transaction, serial: str) -> Certificate:
    certificate = await certificates.by_serial(tx, serial)
    if certificate is None:
        raise NotFound("there is no such certificate")
    return certificate


async def _carry_out(tx: Transaction, certificate: Certificate, act: Act) -> Revoked | CertificateExpired:
    """Revoke; or block the key alone, and return what is to be said after that is committed."""
    expired = await acts.block_expired(tx, certificate, act)
    return expired if expired is not None else Revoked(await acts.revoke(tx, certificate, act))


def _told(outcome: Revoked | CertificateExpired) -> Revoked:
    if isinstance(outcome, CertificateExpired):
        raise outcome
    return outcome


def _require_since(certificate: Certificate, invalid_since: int | None, *, now: int) -> None:
    """Let only a date pass on which the certificate can have become invalid (RFC 5280, 5.3.2).

    Raises:
        BadReason: it is yet to come, or before the certificate began; a mistyped year would void every signature of it.
    """
    if invalid_since is not None and invalid_since > now:
        raise BadReason("the date since which it is invalid cannot be in the future")
    if invalid_since is not None and invalid_since < certificate.not_before:
        raise BadReason(
            "the date since which it is invalid is before the certificate began; where it was never to be trusted,"
            f" say {rfc3339(certificate.not_before)}"
        )


async def _waiting(tx: Transaction, number: int) -> RevocationRequest:
    request = await revocation_requests.by_number(tx, number) if number.bit_length() <= _NUMBER_BITS else None
    if request is None:
        raise NotFound(f"there is no request {number}; see: soapstone requests")
    if request.state is not RequestState.PENDING:
        raise _decided(request)
    return request


def _decided(request: RevocationRequest) -> WrongState:
    return WrongState(f"request {request.number} does not wait any more: it is {request.state}")


def _require_worth_asking(certificate: Certificate, act: Act) -> None:
    """Let only a request pass that an officer could still approve.

    Raises:
        AlreadyRevoked, CertificateExpired: as they say.
    """
    if certificate.revoked_at is not None and not certificate.is_on_hold:
        raise AlreadyRevoked("the certificate is revoked already")
    acts.require_unexpired(certificate, act.now)


async def _journal_request(tx: Transaction, certificate: Certificate, act: Act, *, number: int, due_at: int) -> None:
    await journal.record(
        tx,
        RevocationRequested(request=number, reason=act.reason.text, asker=act.asker.value, due_at=due_at),
        now=act.now,
        actor=act.actor,
        registration_id=certificate.registration_id,
        serial=certificate.serial,
    )

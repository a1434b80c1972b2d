"""What changes a certificate's status, each within a transaction of its caller's.

Status, CRL entry, journal row, the closing of a request and the work item for the publisher commit together or not
at all, and each change is a compare-and-set: of two who act at once, one is told that the other was first.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ca_core.audit import journal
from ca_core.audit.event import (
    CertificateHeld,
    CertificateReleased,
    CertificateRevoked,
    Event,
    IntentionAbandoned,
    KeyBlocked,
    RevocationRequestClosed,
)
from ca_core.clock import rfc3339
from ca_core.errors import AlreadyRevoked, CertificateExpired, WrongState
from ca_core.revocation import crl, rules
from ca_core.revocation.reason import Reason
from ca_core.revocation.request import RequestState, RevocationRequest
from ca_core.revocation.rules import Asker
from ca_core.store import certificates, key_owners, publications, revocation_requests, revocations, statuses
from ca_core.store.certificates import Certificate, Intention
from ca_core.store.database import Transaction


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Who does it, why and when.

    Attributes:
        actor: as the journal writes it.
        now, invalid_since: UTC seconds; since when the certificate is not to be trusted (RFC 5280, 5.3.2).
        request: the number of the request that this act decides, if it is one that decides.
    """

    reason: Reason
    asker: Asker
    actor: str
    now: int
    invalid_since: int | None = None
    request: int | None = None
    note: str = ""


async def revoke(tx: Transaction, certificate: Certificate, act: Act) -> tuple[str, ...]:
    """Revoke for good; return the serial, and those of every other certificate that a compromised key takes along.

    Raises:
        AlreadyRevoked, CertificateExpired: as they say.
    """
    await _enter(tx, certificate, act)
    if act.reason is not Reason.KEY_COMPROMISE:
        return (certificate.serial,)
    return (certificate.serial, *await _take_key(tx, certificate, act))


async def block_expired(tx: Transaction, certificate: Certificate, act: Act) -> CertificateExpired | None:
    """Block the compromised key of a certificate that has expired: no CRL shows it, but the key may come back.

    Returns what to tell whoever asks once that is committed; None where there is something to revoke, or no
    compromise.

    Raises:
        AlreadyRevoked: it was revoked, and this asker's word changes nothing about it.
    """
    if act.now <= certificate.not_after or act.reason is not Reason.KEY_COMPROMISE:
        return None
    _require_replaceable(certificate, act)
    if not await key_owners.is_blocked(tx, certificate.spki_sha256):
        event = KeyBlocked(certificate.spki_sha256.hex(), request=act.request, note=act.note)
        await _journal(tx, certificate, event, act)
    others = await _take_key(tx, certificate, act)
    also = f"; revoked, as they have the same key: {', '.join(others)}" if others else ""
    return CertificateExpired(
        f"the certificate expired on {rfc3339(certificate.not_after)} and comes to no CRL, but its key is blocked"
        f" for ever{also}"
    )


async def taken_along(
    tx: Transaction, spki_sha256: bytes, reason: Reason, asker: Asker, *, now: int
) -> list[Certificate]:
    """The certificates of one public key that its compromise revokes, or gives this reason."""
    return [
        certificate
        for certificate in await certificates.with_key(tx, spki_sha256, now=now)
        if certificate.reason is None or rules.may_replace(Reason(certificate.reason), reason, asker)
    ]


async def revoke_each(tx: Transaction, serials: Sequence[str], act: Act) -> list[str]:
    """Revoke many for good, in few statements; return those that were good or on hold until now."""
    waiting = {request.serial for request in await revocation_requests.pending(tx)}
    revoked: list[str] = []
    plain: list[Certificate] = []
    for serial in serials:
        certificate = await certificates.by_serial(tx, serial)
        if certificate is None or act.now > certificate.not_after:
            continue
        if certificate.reason is not None and not rules.may_replace(Reason(certificate.reason), act.reason, act.asker):
            continue
        if certificate.reason is None and act.reason is not Reason.KEY_COMPROMISE and serial not in waiting:
            if await _insert(tx, certificate, act, mark=False):
                plain.append(certificate)
        else:
            revoked += await revoke(tx, certificate, act)
    await _finish_each(tx, plain, act)
    return revoked + [certificate.serial for certificate in plain]


async def hold(tx: Transaction, certificate: Certificate, act: Act) -> None:
    """Put a certificate on hold, or make the hold that a request brought one's own.

    Raises:
        AlreadyRevoked, CertificateExpired, WrongState: it is revoked, expired, or on hold already.
    """
    require_unexpired(certificate, act.now)
    if certificate.is_on_hold:
        await _take_hold_over(tx, certificate, act)
        return
    if certificate.revoked_at is not None or not await _insert(tx, certificate, act):
        raise AlreadyRevoked("the certificate is revoked already")
    await publications.request(tx, certificate.issuer, certificate.shard, now=act.now)
    await _journal(tx, certificate, CertificateHeld(request=act.request, note=act.note), act)


async def release(tx: Transaction, certificate: Certificate, act: Act) -> None:
    """Let a certificate come back from hold; its entry is not on the next CRL any more.

    Raises:
        WrongState: it is not on hold.
    """
    if not await revocations.release(tx, certificate.serial, was=Reason.CERTIFICATE_HOLD, now=act.now):
        raise WrongState("the certificate is not on hold; there is nothing to release")
    await publications.request(tx, certificate.issuer, certificate.shard, now=act.now)
    await _journal(tx, certificate, CertificateReleased(request=act.request, note=act.note), act)


async def abandon(tx: Transaction, intention: Intention, act: Act) -> bool:
    """Give an intention up and revoke its serial, in case a signature got out; False when it is none any more."""
    if not await certificates.abandon(tx, intention.serial):
        return False
    await revocations.insert(
        tx,
        intention.serial,
        intention.issuer,
        shard=intention.shard,
        not_after=intention.not_after,
        reason=act.reason,
        entry=crl.entry(int(intention.serial, 16), act.now, act.reason),
        now=act.now,
    )
    await publications.request(tx, intention.issuer, intention.shard, now=act.now)
    await journal.record(
        tx,
        IntentionAbandoned(why=act.note),
        now=act.now,
        actor=act.actor,
        registration_id=intention.registration_id,
        serial=intention.serial,
    )
    return True


async def close_request(tx: Transaction, request: RevocationRequest, to: RequestState, act: Act) -> bool:
    """Decide a pending request; False when it was decided already."""
    if not await revocation_requests.close(tx, request.number, to, now=act.now, decided_by=act.actor, note=act.note):
        return False
    await journal.record(
        tx,
        RevocationRequestClosed(request=request.number, outcome=to.value, note=act.note),
        now=act.now,
        actor=act.actor,
        registration_id=request.registration_id,
        serial=request.serial,
    )
    return True


def require_unexpired(certificate: Certificate, now: int) -> None:
    """Let only a certificate pass that somebody could still rely on.

    Raises:
        CertificateExpired: it has expired.
    """
    if now > certificate.not_after:
        raise CertificateExpired(
            f"the certificate expired on {rfc3339(certificate.not_after)}; there is nothing left to revoke"
        )


async def _enter(tx: Transaction, certificate: Certificate, act: Act, *, same_key_as: str | None = None) -> None:
    """Make one certificate's revocation, in the place of a hold or a weaker reason where one stands."""
    was = _require_replaceable(certificate, act)
    require_unexpired(certificate, act.now)
    known = await revocations.invalid_since(tx, certificate.serial)
    act = msgspec.structs.replace(act, invalid_since=_invalid_since(certificate, act.invalid_since, known))
    done = await (_insert(tx, certificate, act) if was is None else _replace(tx, certificate, was, act))
    if not done:
        raise AlreadyRevoked("the certificate is revoked already")
    await publications.request(tx, certificate.issuer, certificate.shard, now=act.now)
    event = CertificateRevoked(
        reason=act.reason.text,
        was=was.text if was is not None else None,
        invalid_since=act.invalid_since,
        same_key_as=same_key_as,
        request=act.request,
        note=act.note,
    )
    await _journal(tx, certificate, event, act)
    request = await revocation_requests.pending_for(tx, certificate.serial)
    if request is not None:
        await close_request(tx, request, RequestState.OVERTAKEN, act)


def _require_replaceable(certificate: Certificate, act: Act) -> Reason | None:
    """The reason that stands, which this one may replace; None where the certificate is good."""
    was = None if certificate.reason is None else Reason(certificate.reason)
    if was is not None and not rules.may_replace(was, act.reason, act.asker):
        raise AlreadyRevoked("the certificate is revoked already")
    return was


def _invalid_since(certificate: Certificate, *said: int | None) -> int | None:
    """The earliest of the dates that were said: who says none, or a later one, does not take an earlier one back.

    A key may be lost before a certificate of it is made, but that one did not become invalid (RFC 5280, 5.3.2) before
    it began.
    """
    dates = [max(one, certificate.not_before) for one in said if one is not None]
    return min(dates, default=None)


async def _take_hold_over(tx: Transaction, certificate: Certificate, act: Act) -> None:
    """Let the hold outlast the request that brought it."""
    request = await revocation_requests.pending_for(tx, certificate.serial)
    if request is None or not request.holds:
        raise WrongState("the certificate is on hold already")
    await revocation_requests.set_holds(tx, request.number, holds=False)
    await _journal(tx, certificate, CertificateHeld(request=act.request, note=act.note), act)


async def _finish_each(tx: Transaction, plain: list[Certificate], act: Act) -> None:
    """What follows a revocation, for many at once."""
    if not plain:
        return
    await statuses.mark_each_changed(tx, [certificate.serial for certificate in plain], now=act.now)
    for issuer, shard in sorted({(certificate.issuer, certificate.shard) for certificate in plain}):
        await publications.request(tx, issuer, shard, now=act.now)
    event = CertificateRevoked(reason=act.reason.text, note=act.note)
    events = [(event, certificate.registration_id, certificate.serial) for certificate in plain]
    await journal.record_each(tx, events, now=act.now, actor=act.actor)


async def _take_key(tx: Transaction, certificate: Certificate, act: Act) -> list[str]:
    """Block the key for ever, and take along what else was made with it or is being made at this moment."""
    await key_owners.block(tx, certificate.spki_sha256, registration_id=certificate.registration_id)
    giving_up = msgspec.structs.replace(act, note=f"its key is compromised, as that of {certificate.serial}")
    # Before the certificates: an intention that is finished at this moment is one of those.
    for intention in await certificates.intentions_with_key(tx, certificate.spki_sha256):
        await abandon(tx, intention, giving_up)
    taken = await taken_along(tx, certificate.spki_sha256, act.reason, act.asker, now=act.now)
    others = [other for other in taken if other.serial != certificate.serial]
    # What was approved is the one request; the others are revoked because of the key.
    along = msgspec.structs.replace(act, request=None)
    for other in others:
        await _enter(tx, other, along, same_key_as=certificate.serial)
    return [other.serial for other in others]


async def _insert(tx: Transaction, certificate: Certificate, act: Act, *, mark: bool = True) -> bool:
    return await revocations.insert(
        tx,
        certificate.serial,
        certificate.issuer,
        shard=certificate.shard,
        not_after=certificate.not_after,
        reason=act.reason,
        entry=crl.entry(int(certificate.serial, 16), act.now, act.reason, invalid_since=act.invalid_since),
        now=act.now,
        invalid_since=act.invalid_since,
        mark=mark,
    )


async def _replace(tx: Transaction, certificate: Certificate, was: Reason, act: Act) -> bool:
    # The date stays that of the hold: the certificate has not been good since (X.509, 9.5.3.1).
    revoked_at = certificate.revoked_at if certificate.revoked_at is not None else act.now
    return await revocations.replace(
        tx,
        certificate.serial,
        was=was,
        reason=act.reason,
        entry=crl.entry(int(certificate.serial, 16), revoked_at, act.reason, invalid_since=act.invalid_since),
        now=act.now,
        invalid_since=act.invalid_since,
    )


async def _journal(tx: Transaction, certificate: Certificate, event: Event, act: Act) -> None:
    await journal.record(
        tx,
        event,
        now=act.now,
        actor=act.actor,
        registration_id=certificate.registration_id,
        serial=certificate.serial,
    )

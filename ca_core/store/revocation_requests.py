"""Revocation requests that wait for an officer, and what became of them."""

from __future__ import annotations

import msgspec

from ca_core.revocation.reason import Reason
from ca_core.revocation.request import Escalation, RequestState, RevocationRequest
from ca_core.revocation.rules import Asker
from ca_core.store.database import Row, Transaction
from ca_core.store.request_numbers import CALLED_AT_HALF_TIME, CALLED_OVERDUE, next_number

_SELECT = (
    "SELECT number, serial, registration_id, reason, asker, actor, state, holds, requested_at, due_at, decided_at,"
    " decided_by, note FROM revocation_requests WHERE "
)

# From the few that wait to their certificates: the other way round, every certificate there is would be read.
_HAS_EXPIRED = (
    "state = 'pending' AND EXISTS"
    " (SELECT 1 FROM certificates c WHERE c.serial = revocation_requests.serial AND c.not_after < :now)"
)
EXPIRED = _SELECT + _HAS_EXPIRED
"""What waits for a certificate that has expired."""

_NEWEST_FIRST = " ORDER BY number DESC LIMIT :most"
OF_REGISTRATION = _SELECT + "registration_id = :registration_id" + _NEWEST_FIRST
"""What was asked for about the certificates of one registration."""

_TARGETS = (
    "SELECT c.serial, c.profile, c.names, r.reason FROM certificates c LEFT JOIN revocations r ON r.serial = c.serial"
    " WHERE c.serial IN (SELECT serial FROM revocation_requests WHERE :every = 1 OR state = 'pending')"
)


class Target(msgspec.Struct, frozen=True):
    """What a list of requests says of a certificate."""

    profile: str
    names: str
    is_on_hold: bool


def _request(row: Row) -> RevocationRequest:
    number, serial, registration_id, reason, asker, actor, state, holds, *rest = row
    requested_at, due_at, decided_at, decided_by, note = rest
    return RevocationRequest(
        number=number,
        serial=serial,
        registration_id=registration_id,
        reason=Reason(reason),
        asker=Asker(asker),
        actor=actor,
        state=RequestState(state),
        holds=bool(holds),
        requested_at=requested_at,
        due_at=due_at,
        decided_at=decided_at,
        decided_by=decided_by,
        note=note,
    )


async def insert(
    tx: Transaction,
    serial: str,
    registration_id: str,
    *,
    reason: Reason,
    asker: Asker,
    actor: str,
    now: int,
    due_at: int,
) -> int | None:
    """Store a pending request under the next number; None when one for this certificate is pending already."""
    if await pending_for(tx, serial) is not None:
        return None  # The index below decides; this only saves a number.
    rows = await tx.all(
        "INSERT INTO revocation_requests"
        " (number, serial, registration_id, reason, asker, actor, state, holds, requested_at, due_at, called, note)"
        " VALUES (:number, :serial, :registration_id, :reason, :asker, :actor, 'pending', 0, :now, :due_at, 0, '')"
        " ON CONFLICT DO NOTHING RETURNING number",
        number=await next_number(tx),
        serial=serial,
        registration_id=registration_id,
        reason=reason.value,
        asker=asker.value,
        actor=actor,
        now=now,
        due_at=due_at,
    )
    return int(rows[0][0]) if rows else None


async def by_number(tx: Transaction, number: int) -> RevocationRequest | None:
    """Find a request."""
    row = await tx.one(_SELECT + "number = :number", number=number)
    return _request(row) if row else None


async def pending_for(tx: Transaction, serial: str) -> RevocationRequest | None:
    """The request that waits for a certificate, if there is one."""
    row = await tx.one(_SELECT + "serial = :serial AND state = 'pending'", serial=serial)
    return _request(row) if row else None


async def pending_of(tx: Transaction, registration_id: str) -> list[RevocationRequest]:
    """Those that wait of one registration, the first one first."""
    rows = await tx.all(
        _SELECT + "registration_id = :registration_id AND state = 'pending' ORDER BY number",
        registration_id=registration_id,
    )
    return [_request(row) for row in rows]


async def pending(tx: Transaction) -> list[RevocationRequest]:
    """All that wait, the most urgent first."""
    return [_request(row) for row in await tx.all(_SELECT + "state = 'pending' ORDER BY due_at, number")]


async def every(tx: Transaction) -> list[RevocationRequest]:
    """All requests ever made, oldest first."""
    return [_request(row) for row in await tx.all(_SELECT + "1 = 1 ORDER BY number")]


async def targets(tx: Transaction, *, every: bool) -> dict[str, Target]:
    """The certificates that `pending` or `every` ask about, by serial."""
    return {
        serial: Target(profile, names, reason == Reason.CERTIFICATE_HOLD.value)
        for serial, profile, names, reason in await tx.all(_TARGETS, every=int(every))
    }


async def sharpen(tx: Transaction, number: int, *, reason: Reason, asker: Asker, actor: str, due_at: int) -> bool:
    """Give a pending request a more urgent reason and who gives it; False when it does not wait any more.

    It waits since it was made first, and is called for anew by the time that it has now.
    """
    changed = await tx.execute(
        "UPDATE revocation_requests SET reason = :reason, asker = :asker, actor = :actor, due_at = :due_at, called = 0"
        " WHERE number = :number AND state = 'pending'",
        number=number,
        reason=reason.value,
        asker=asker.value,
        actor=actor,
        due_at=due_at,
    )
    return changed == 1


async def set_holds(tx: Transaction, number: int, *, holds: bool) -> None:
    """Remember whether the certificate is on hold because of this request."""
    await tx.execute(
        "UPDATE revocation_requests SET holds = :holds WHERE number = :number", number=number, holds=int(holds)
    )


async def close(tx: Transaction, number: int, to: RequestState, *, now: int, decided_by: str, note: str = "") -> bool:
    """Decide a request by compare-and-set; False when it does not wait any more."""
    changed = await tx.execute(
        "UPDATE revocation_requests SET state = :to, decided_at = :now, decided_by = :decided_by, note = :note"
        " WHERE number = :number AND state = 'pending'",
        number=number,
        to=to.value,
        now=now,
        decided_by=decided_by,
        note=note,
    )
    return changed == 1


async def late(tx: Transaction, *, now: int) -> list[Escalation]:
    """Those that have waited for half of their time or for all of it, and were not called for as loudly yet."""
    rows = await tx.all(
        "SELECT number, serial, due_at FROM revocation_requests WHERE state = 'pending'"
        " AND ((called < :half AND requested_at + due_at <= 2 * :now) OR (called < :overdue AND due_at <= :now))"
        " ORDER BY due_at, number",
        half=CALLED_AT_HALF_TIME,
        overdue=CALLED_OVERDUE,
        now=now,
    )
    return [Escalation(number, serial, due_at, due_at <= now) for number, serial, due_at in rows]


async def call(tx: Transaction, escalation: Escalation) -> bool:
    """Remember by compare-and-set that a request was called for; False when it was, or does not wait any more."""
    changed = await tx.execute(
        "UPDATE revocation_requests SET called = :called"
        " WHERE number = :number AND state = 'pending' AND called < :called",
        number=escalation.number,
        called=CALLED_OVERDUE if escalation.is_overdue else CALLED_AT_HALF_TIME,
    )
    return changed == 1


async def expired(tx: Transaction, *, now: int) -> list[RevocationRequest]:
    """Those that wait for a certificate that has expired."""
    return [_request(row) for row in await tx.all(EXPIRED, now=now)]


async def of_registration(tx: Transaction, registration_id: str, *, most: int) -> list[RevocationRequest]:
    """Those about the certificates of one registration, the newest first."""
    rows = await tx.all(OF_REGISTRATION, registration_id=registration_id, most=most)
    return [_request(row) for row in rows]


async def about(tx: Transaction, registration_id: str, serial: str, *, most: int) -> list[RevocationRequest]:
    """Those about one certificate of a registration, the newest first."""
    rows = await tx.all(
        _SELECT + "registration_id = :registration_id AND serial = :serial" + _NEWEST_FIRST,
        registration_id=registration_id,
        serial=serial,
        most=most,
    )
    return [_request(row) for row in rows]

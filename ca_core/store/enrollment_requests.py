"""Requests for certificates that wait for an officer, and what became of them."""

from __future__ import annotations

import msgspec

from ca_core.applicant import Door
from ca_core.names import Identifier
from ca_core.policy.period import WishedPeriod
from ca_core.referral.request import LAPSE_SECONDS, Asking, EnrollmentRequest, Escalation, RequestState
from ca_core.registration.account import Status
from ca_core.store.certificates import names_digest
from ca_core.store.database import Row, Transaction
from ca_core.store.request_numbers import CALLED_AT_HALF_TIME, CALLED_OVERDUE, next_number

_SELECT = (
    "SELECT number, registration_id, profile, names, spki_sha256, csr, door, proof, source, shown, proved, replaces,"
    " not_before, not_after, request_key, state, requested_at, due_at, decided_at, decided_by, note,"
    " serial, account, credential_id FROM enrollment_requests WHERE "
)
_HAS_LAPSED = (
    "state = 'pending' AND (requested_at <= :before OR EXISTS"
    " (SELECT 1 FROM registrations g WHERE g.id = enrollment_requests.registration_id AND g.status = :closed))"
)
_PROVED = msgspec.json.Decoder(frozenset[Identifier])


def _request(row: Row) -> EnrollmentRequest:
    number, registration_id, profile, names, spki_sha256, csr, door, proof, source, shown, proved, *rest = row
    replaces, not_before, not_after, request_key, state, requested_at, due_at, decided_at, decided_by, *rest = rest
    note, serial, account, credential_id = rest
    return EnrollmentRequest(
        number=number,
        registration_id=registration_id,
        profile=profile,
        names=names,
        spki_sha256=spki_sha256,
        csr=csr,
        door=Door(door),
        proof=proof,
        source=source,
        shown=shown,
        proved=_PROVED.decode(proved),
        replaces=replaces,
        period=WishedPeriod(not_before, not_after),
        request_key=request_key,
        state=RequestState(state),
        requested_at=requested_at,
        due_at=due_at,
        decided_at=decided_at,
        decided_by=decided_by,
        note=note,
        serial=serial,
        account=account,
        credential_id=credential_id,
    )


async def insert(tx: Transaction, asked: EnrollmentRequest) -> int | None:
    """Store a pending request under the next number, whatever its own says; None when the same one waits already."""
    rows = await tx.all(
        "INSERT INTO enrollment_requests (number, registration_id, profile, names, names_digest, spki_sha256, csr,"
        " door, proof, source, shown, proved, replaces, not_before, not_after, request_key, account, credential_id,"
        " state, requested_at, due_at, called, note)"
        " VALUES (:number, :registration_id, :profile, :names, :names_digest, :spki_sha256, :csr, :door, :proof,"
        " :source, :shown, :proved, :replaces, :not_before, :not_after, :request_key, :account, :credential_id,"
        " 'pending', :requested_at, :due_at, 0, '')"
        " ON CONFLICT DO NOTHING RETURNING number",
        number=await next_number(tx),
        registration_id=asked.registration_id,
        profile=asked.profile,
        names=asked.names,
        names_digest=names_digest(asked.names),
        spki_sha256=asked.spki_sha256,
        csr=asked.csr,
        door=asked.door.value,
        proof=asked.proof,
        source=asked.source,
        shown=asked.shown,
        proved=_written(asked.proved),
        replaces=asked.replaces,
        not_before=asked.period.not_before,
        not_after=asked.period.not_after,
        request_key=asked.request_key,
        account=asked.account,
        credential_id=asked.credential_id,
        requested_at=asked.requested_at,
        due_at=asked.due_at,
    )
    return int(rows[0][0]) if rows else None


async def by_number(tx: Transaction, number: int) -> EnrollmentRequest | None:
    """Find a request."""
    row = await tx.one(_SELECT + "number = :number", number=number)
    return _request(row) if row else None


async def newest(
    tx: Transaction, registration_id: str, profile: str, names: str, spki_sha256: bytes
) -> EnrollmentRequest | None:
    """The request of a registration for a profile, a set of names and a public key that waits, else the newest."""
    row = await tx.one(
        _SELECT + "registration_id = :registration_id AND profile = :profile AND names_digest = :names_digest"
        " AND spki_sha256 = :spki_sha256"
        # One that waits may have come by this key after a newer one was rejected.
        " ORDER BY CASE WHEN state IN ('pending', 'approved') THEN 0 ELSE 1 END, number DESC LIMIT 1",
        registration_id=registration_id,
        profile=profile,
        names_digest=names_digest(names),
        spki_sha256=spki_sha256,
    )
    return _request(row) if row else None


async def profiles_asked(
    tx: Transaction, registration_id: str, spki_sha256: bytes, door: Door, *, since: int
) -> list[str]:
    """The profiles that a registration has asked for with one public key, the newest request first.

    Args:
        since: UTC seconds: what was decided before has no part in it, and what lapsed has none ever.
    """
    rows = await tx.all(
        "SELECT profile FROM enrollment_requests WHERE registration_id = :registration_id"
        " AND spki_sha256 = :spki_sha256 AND door = :door AND (state IN ('pending', 'approved')"
        " OR (state IN ('issued', 'rejected') AND decided_at >= :since)) ORDER BY number DESC",
        registration_id=registration_id,
        spki_sha256=spki_sha256,
        door=door.value,
        since=since,
    )
    return [str(row[0]) for row in rows]


async def waiting_of(tx: Transaction, account: str, profile: str, names: str) -> EnrollmentRequest | None:
    """What waits for an ACME account, of a profile and a set of names."""
    row = await tx.one(
        # In these words the index says it.
        _SELECT + "account = :account AND state IN ('pending', 'approved') AND profile = :profile"
        " AND names_digest = :names_digest ORDER BY number DESC LIMIT 1",
        account=account,
        profile=profile,
        names_digest=names_digest(names),
    )
    return _request(row) if row else None


async def pending_of(tx: Transaction, registration_id: str) -> list[EnrollmentRequest]:
    """Those of one registration that wait for an officer."""
    rows = await tx.all(_SELECT + "registration_id = :id AND state = 'pending' ORDER BY number", id=registration_id)
    return [_request(row) for row in rows]


async def waiting_for(tx: Transaction, registration_id: str) -> list[EnrollmentRequest]:
    """Those of one registration of which a certificate may still come, the first one first."""
    rows = await tx.all(
        # In these words the index says it.
        _SELECT + "registration_id = :registration_id AND state IN ('pending', 'approved') ORDER BY number",
        registration_id=registration_id,
    )
    return [_request(row) for row in rows]


async def newest_of(tx: Transaction, registration_id: str, *, most: int) -> list[EnrollmentRequest]:
    """What one registration has asked for, the newest first."""
    rows = await tx.all(
        _SELECT + "registration_id = :registration_id ORDER BY number DESC LIMIT :most",
        registration_id=registration_id,
        most=most,
    )
    return [_request(row) for row in rows]


async def pending(tx: Transaction) -> list[EnrollmentRequest]:
    """All that wait for an officer, the most urgent first."""
    return [_request(row) for row in await tx.all(_SELECT + "state = 'pending' ORDER BY due_at, number")]


async def every(tx: Transaction) -> list[EnrollmentRequest]:
    """All requests ever made, oldest first."""
    return [_request(row) for row in await tx.all(_SELECT + "1 = 1 ORDER BY number")]


async def asking(tx: Transaction, registration_id: str) -> list[Asking]:
    """Whose those of a registration are that wait."""
    rows = await tx.all(
        # In these words the index says it.
        "SELECT account, source FROM enrollment_requests"
        " WHERE registration_id = :registration_id AND state IN ('pending', 'approved')",
        registration_id=registration_id,
    )
    return [Asking(*row) for row in rows]


async def hand_over(tx: Transaction, asked: EnrollmentRequest, number: int) -> bool:
    """Make a request that waits the one of whoever asks now, and of the order that is asked with.

    What is approved already is looked at again where the key is another one. False when it does not wait any more.
    """
    changed = await tx.execute(
        "UPDATE enrollment_requests SET request_key = :request_key, door = :door, proof = :proof, source = :source,"
        " shown = :shown, proved = :proved, csr = :csr, replaces = :replaces, not_before = :not_before,"
        " not_after = :not_after, account = :account, credential_id = :credential_id,"
        " spki_sha256 = :spki_sha256,"
        " state = CASE WHEN spki_sha256 = :spki_sha256 THEN state ELSE 'pending' END,"
        " decided_at = CASE WHEN spki_sha256 = :spki_sha256 THEN decided_at END,"
        " decided_by = CASE WHEN spki_sha256 = :spki_sha256 THEN decided_by END,"
        " note = CASE WHEN spki_sha256 = :spki_sha256 THEN note ELSE '' END"
        " WHERE number = :number AND (state = 'pending' OR state = 'approved')",
        number=number,
        request_key=asked.request_key,
        account=asked.account,
        credential_id=asked.credential_id,
        spki_sha256=asked.spki_sha256,
        door=asked.door.value,
        proof=asked.proof,
        source=asked.source,
        shown=asked.shown,
        proved=_written(asked.proved),
        csr=asked.csr,
        replaces=asked.replaces,
        not_before=asked.period.not_before,
        not_after=asked.period.not_after,
    )
    return changed == 1


async def decide(
    tx: Transaction, number: int, *, was: RequestState, to: RequestState, now: int, decided_by: str, note: str = ""
) -> bool:
    """Move a request by compare-and-set; False when it is not in that state any more."""
    changed = await tx.execute(
        "UPDATE enrollment_requests SET state = :to, decided_at = :now, decided_by = :decided_by, note = :note"
        " WHERE number = :number AND state = :was",
        number=number,
        was=was.value,
        to=to.value,
        now=now,
        decided_by=decided_by,
        note=note,
    )
    return changed == 1


async def begin(tx: Transaction, number: int, serial: str) -> bool:
    """Tie an approved request to the intention that is stored with it; False when another turn was first."""
    changed = await tx.execute(
        "UPDATE enrollment_requests SET state = 'issued', serial = :serial"
        " WHERE number = :number AND state = 'approved'",
        number=number,
        serial=serial,
    )
    return changed == 1


async def late(tx: Transaction, *, now: int) -> list[Escalation]:
    """Those that have waited for half of their time or for all of it, and were not called for as loudly yet."""
    rows = await tx.all(
        "SELECT number, registration_id, due_at FROM enrollment_requests WHERE state = 'pending'"
        " AND ((called < :half AND requested_at + due_at <= 2 * :now) OR (called < :overdue AND due_at <= :now))"
        " ORDER BY due_at, number",
        half=CALLED_AT_HALF_TIME,
        overdue=CALLED_OVERDUE,
        now=now,
    )
    return [Escalation(number, registration_id, due_at, due_at <= now) for number, registration_id, due_at in rows]


async def call(tx: Transaction, escalation: Escalation) -> bool:
    """Remember by compare-and-set that a request was called for; False when it was, or does not wait any more."""
    changed = await tx.execute(
        "UPDATE enrollment_requests SET called = :called"
        " WHERE number = :number AND state = 'pending' AND called < :called",
        number=escalation.number,
        called=CALLED_OVERDUE if escalation.is_overdue else CALLED_AT_HALF_TIME,
    )
    return changed == 1


async def lapsing(tx: Transaction, *, now: int) -> list[EnrollmentRequest]:
    """Those that wait for an officer for too long, or for a registration that is closed."""
    rows = await tx.all(_SELECT + _HAS_LAPSED, before=now - LAPSE_SECONDS, closed=Status.CLOSED.value)
    return [_request(row) for row in rows]


def _written(names: frozenset[Identifier]) -> str:
    return msgspec.json.encode(sorted(names)).decode()

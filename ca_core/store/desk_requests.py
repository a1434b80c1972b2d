"""What officers ask for that other officers must agree to, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence

from ca_core.staff.request import DeskAction, DeskRequest, DeskState
from ca_core.staff.role import EVERY_REALM
from ca_core.store.database import Row, Transaction, Value
from ca_core.store.request_numbers import CALLED_AT_HALF_TIME, CALLED_OVERDUE

_SELECT = (
    "SELECT number, action, registration_id, realm, payload, asked_by, needed, state, requested_at, due_at, decided_at,"
    " decided_by, note FROM desk_requests WHERE "
)


_INSERT = (
    "INSERT INTO desk_requests (number, action, registration_id, realm, payload, asked_by, needed, state,"
    " requested_at, due_at, note) VALUES (:number, :action, :registration_id, :realm, :payload, :asked_by,"
    " :needed, 'pending', :requested_at, :due_at, :note)"
)


def _request(row: Row) -> DeskRequest:
    number, action, registration_id, realm, payload, asked_by, needed, state, requested_at, due_at, *rest = row
    decided_at, decided_by, note = rest
    return DeskRequest(
        number=number,
        action=DeskAction(action),
        registration_id=registration_id,
        realm=realm,
        payload=payload,
        asked_by=asked_by,
        needed=needed,
        state=DeskState(state),
        requested_at=requested_at,
        due_at=due_at,
        decided_at=decided_at,
        decided_by=decided_by,
        note=note,
    )


async def insert(tx: Transaction, asked: DeskRequest) -> None:
    """Store a request that waits."""
    await tx.execute(_INSERT, **_values(asked))


async def insert_each(tx: Transaction, asked: Sequence[DeskRequest]) -> None:
    """Store requests that wait, in one hop."""
    await tx.execute_each(_INSERT, [_values(one) for one in asked])


async def by_number(tx: Transaction, number: int) -> DeskRequest | None:
    """Find a request."""
    row = await tx.one(_SELECT + "number = :number", number=number)
    return _request(row) if row else None


async def open_ones(tx: Transaction, realm: str = EVERY_REALM) -> list[DeskRequest]:
    """Those of a realm that wait for officers, or for whoever collects what came of them; the most urgent first."""
    rows = await tx.all(
        _SELECT + "state IN ('pending', 'approved') AND (:realm = :every OR realm = :realm) ORDER BY due_at, number",
        realm=realm,
        every=EVERY_REALM,
    )
    return [_request(row) for row in rows]


async def every(tx: Transaction, realm: str = EVERY_REALM) -> list[DeskRequest]:
    """All of a realm that were ever made, oldest first."""
    rows = await tx.all(_SELECT + "(:realm = :every OR realm = :realm) ORDER BY number", realm=realm, every=EVERY_REALM)
    return [_request(row) for row in rows]


async def move(
    tx: Transaction, number: int, *, was: DeskState, to: DeskState, now: int, decided_by: str, note: str | None = None
) -> bool:
    """Change the state by compare-and-set; False when it was another one.

    Args:
        note: in the place of the one that there is; None leaves it.
    """
    changed = await tx.execute(
        "UPDATE desk_requests SET state = :to, decided_at = :now, decided_by = :decided_by,"
        " note = CASE WHEN :has_note = 1 THEN :note ELSE note END WHERE number = :number AND state = :was",
        number=number,
        was=was.value,
        to=to.value,
        now=now,
        decided_by=decided_by,
        has_note=int(note is not None),
        note=note or "",
    )
    return changed == 1


async def lapsing(tx: Transaction, *, before: int) -> list[DeskRequest]:
    """Those that were asked for before a time, and still wait for a decision or for whoever collects."""
    rows = await tx.all(_SELECT + "state IN ('pending', 'approved') AND requested_at <= :before", before=before)
    return [_request(row) for row in rows]


async def late(tx: Transaction, *, now: int) -> list[DeskRequest]:
    """Those that have waited for half of their time or for all of it, and were not called for as loudly yet."""
    rows = await tx.all(
        # In these words the index says what is open.
        _SELECT + "state IN ('pending', 'approved') AND state = 'pending'"
        " AND ((called < :half AND requested_at + due_at <= 2 * :now) OR (called < :overdue AND due_at <= :now))"
        " ORDER BY due_at, number",
        half=CALLED_AT_HALF_TIME,
        overdue=CALLED_OVERDUE,
        now=now,
    )
    return [_request(row) for row in rows]


async def call(tx: Transaction, number: int, *, is_overdue: bool) -> bool:
    """Remember by compare-and-set that a request was called for; False when it was, or does not wait any more."""
    changed = await tx.execute(
        "UPDATE desk_requests SET called = :called WHERE number = :number AND state = 'pending' AND called < :called",
        number=number,
        called=CALLED_OVERDUE if is_overdue else CALLED_AT_HALF_TIME,
    )
    return changed == 1


async def undone(tx: Transaction) -> list[DeskRequest]:
    """Those that all have agreed to, that nobody has to collect, and that are not carried out yet."""
    rows = await tx.all(
        _SELECT
        + "state IN ('pending', 'approved') AND state = 'approved' AND action IN (:revoke, :amend) ORDER BY number",
        revoke=DeskAction.REVOKE.value,
        amend=DeskAction.AMEND.value,
    )
    return [_request(row) for row in rows]


def _values(asked: DeskRequest) -> dict[str, Value]:
    return {
        "number": asked.number,
        "action": asked.action.value,
        "registration_id": asked.registration_id,
        "realm": asked.realm,
        "payload": asked.payload,
        "asked_by": asked.asked_by,
        "needed": asked.needed,
        "requested_at": asked.requested_at,
        "due_at": asked.due_at,
        "note": asked.note,
    }

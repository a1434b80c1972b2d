"""Deferred work: lease, finish, retry."""

from __future__ import annotations

from ca_core.identity import new_id
from ca_core.store import holds
from ca_core.store.database import Transaction
from ca_core.work.item import Item

SKEW_SECONDS = 30
"""By how much the clocks of servers that share a store may differ without taking each other's work."""
_END_OF_TIME = 1 << 62


async def add(tx: Transaction, kind: str, subject: str, *, now: int) -> None:
    """Put one item down, due at once; it commits with the change that needs it."""
    await tx.execute(
        "INSERT INTO work (id, kind, subject, due_at, leased_until, attempts)"
        " VALUES (:id, :kind, :subject, :now, 0, 0)",
        id=new_id(now),
        kind=kind,
        subject=subject,
        now=now,
    )


async def add_once(tx: Transaction, kind: str, subject: str, *, now: int) -> None:
    """Put one item down unless there is one for this subject, waiting or being worked on."""
    await tx.hold(holds.work(kind))
    await tx.execute(
        "INSERT INTO work (id, kind, subject, due_at, leased_until, attempts)"
        " SELECT :id, :kind, :subject, :now, 0, 0"
        " WHERE NOT EXISTS (SELECT 1 FROM work WHERE kind = :kind AND subject = :subject)",
        id=new_id(now),
        kind=kind,
        subject=subject,
        now=now,
    )


async def lease(
    tx: Transaction, kind: str, *, now: int, until: int, most: int, latest: int = _END_OF_TIME
) -> list[Item]:
    """Take items of one kind that are due and nobody holds, oldest first, and hold them until a time.

    Args:
        latest: until when an item may have been postponed. What is due later, or leased for longer than
            `until`, was written by a clock that was ahead, and is taken; that of another server may be, by a little.
    """
    await tx.hold(holds.work(kind))
    rows = await tx.all(
        "UPDATE work SET leased_until = :until, attempts = attempts + 1 WHERE id IN"
        " (SELECT id FROM work WHERE kind = :kind AND (due_at <= :now OR due_at > :latest)"
        " AND (leased_until <= :now OR leased_until > :beyond) ORDER BY due_at, id LIMIT :most)"
        " RETURNING id, kind, subject, attempts",
        kind=kind,
        now=now,
        until=until,
        beyond=until + SKEW_SECONDS,
        most=most,
        latest=latest,
    )
    return [Item(*row) for row in rows]


async def is_due(
    tx: Transaction, kind: str, *, now: int, until: int = _END_OF_TIME, latest: int = _END_OF_TIME
) -> bool:
    """Whether there is anything to lease; a read, so that an idle server does not write."""
    row = await tx.one(
        "SELECT 1 FROM work WHERE kind = :kind AND (due_at <= :now OR due_at > :latest)"
        " AND (leased_until <= :now OR leased_until > :beyond) LIMIT 1",
        kind=kind,
        now=now,
        beyond=until + SKEW_SECONDS,
        latest=latest,
    )
    return row is not None


async def finish(tx: Transaction, *item_ids: str) -> None:
    """Take done items away."""
    await tx.execute_each("DELETE FROM work WHERE id = :id", [{"id": item_id} for item_id in item_ids])


async def postpone(tx: Transaction, item_id: str, *, due_at: int) -> None:
    """Give an item back, to be tried again at a time."""
    await tx.execute("UPDATE work SET due_at = :due_at, leased_until = 0 WHERE id = :id", id=item_id, due_at=due_at)


async def release_all(tx: Transaction, *, now: int) -> None:
    """Let go of every lease, and have everything due: the process before is dead, or its clock was wrong."""
    await tx.execute_at_length("UPDATE work SET leased_until = 0, due_at = :now", now=now)

"""Deferred work: lease, finish, retry."""

from __future__ import annotations

from ca_core.identity import new_id
from ca_core.store.database import Transaction
from ca_core.work.item import Item


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


async def lease(tx: Transaction, kind: str, *, now: int, until: int, most: int) -> list[Item]:
    """Take items of one kind that are due and nobody holds, oldest first, and hold them until a time."""
    rows = await tx.all(
        "UPDATE work SET leased_until = :until, attempts = attempts + 1 WHERE id IN"
        " (SELECT id FROM work WHERE kind = :kind AND due_at <= :now AND leased_until <= :now"
        " ORDER BY due_at, id LIMIT :most) RETURNING id, kind, subject, attempts",
        kind=kind,
        now=now,
        until=until,
        most=most,
    )
    return [Item(*row) for row in rows]


async def is_due(tx: Transaction, kind: str, *, now: int) -> bool:
    """Whether there is anything to lease; a read, so that an idle server does not write."""
    row = await tx.one(
        "SELECT 1 FROM work WHERE kind = :kind AND due_at <= :now AND leased_until <= :now LIMIT 1",
        kind=kind,
        now=now,
    )
    return row is not None


async def finish(tx: Transaction, item_id: str) -> None:
    """Take a done item away."""
    await tx.execute("DELETE FROM work WHERE id = :id", id=item_id)


async def postpone(tx: Transaction, item_id: str, *, due_at: int) -> None:
    """Give an item back, to be tried again at a time."""
    await tx.execute("UPDATE work SET due_at = :due_at, leased_until = 0 WHERE id = :id", id=item_id, due_at=due_at)


async def release_all(tx: Transaction, *, now: int) -> None:
    """Let go of every lease, and have everything due: the process before is dead, or its clock was wrong."""
    await tx.execute("UPDATE work SET leased_until = 0, due_at = :now", now=now)

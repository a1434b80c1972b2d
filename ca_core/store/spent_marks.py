"""What was spent, by marks that are good for nothing else: no worker and no server takes the same thing twice."""

from __future__ import annotations

from ca_core.store.database import Transaction


async def spend(tx: Transaction, mark: bytes, *, ends_at: int) -> bool:
    """Spend something; False when it was spent before.

    Args:
        mark: a digest of what is spent.
        ends_at: UTC seconds; from then on nobody takes it anyway, and the mark may be forgotten.
    """
    inserted = await tx.execute(
        "INSERT INTO spent_marks (mark, ends_at) VALUES (:mark, :ends_at) ON CONFLICT (mark) DO NOTHING",
        mark=mark,
        ends_at=ends_at,
    )
    return inserted == 1


async def forget(tx: Transaction, *, before: int) -> int:
    """Remove the marks of what ended before; returns how many."""
    return await tx.execute_at_length("DELETE FROM spent_marks WHERE ends_at < :before", before=before)

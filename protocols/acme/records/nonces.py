"""The seed of all servers' nonces, and the marks of those that are spent."""

from __future__ import annotations

from ca_core.store.database import Database, Row, Statement, Transaction

_NAME = "acme"

# One statement decides, and it asks three things at once: the seed is still there, so that no mark was lost; the mark
# was not forgotten; and nobody has spent the nonce.
_SPEND = """
INSERT INTO acme_spent_nonces (mark, issued_at)
SELECT :mark, :issued_at FROM acme_nonce_seeds WHERE name = :name AND seed = :seed AND floor <= :issued_at
ON CONFLICT (mark) DO NOTHING
"""


async def spend(
    database: Database, seed: bytes, mark: bytes, look: Statement | None = None, *, issued_at: int
) -> tuple[bool, Row | None]:
    """Spend a nonce, for good, and look at something in the same journey.

    Returns:
        whether it was: False when it was spent before, is too old, or is of another seed; and the first row that the
        look has found. Where it has found nothing, nobody knows of the nonce.
    """
    spending = Statement(_SPEND, {"name": _NAME, "seed": seed, "mark": mark, "issued_at": issued_at})
    changed, row = await database.run(spending, look)
    return changed == 1, row


async def seed(tx: Transaction) -> tuple[bytes, int] | None:
    """The seed, and from when on nonces of it are good (UTC seconds); None before the first, and after a crash."""
    row = await tx.one("SELECT seed, floor FROM acme_nonce_seeds WHERE name = :name", name=_NAME)
    return (row[0], row[1]) if row else None


async def plant(tx: Transaction, fresh: bytes) -> None:
    """Store a seed, unless there is one."""
    await tx.execute(
        "INSERT INTO acme_nonce_seeds (name, seed, floor) VALUES (:name, :seed, 0) ON CONFLICT (name) DO NOTHING",
        name=_NAME,
        seed=fresh,
    )


async def replace(tx: Transaction, was: bytes, fresh: bytes) -> None:
    """Put another seed into the place of one: no nonce that is out there is good any more."""
    await tx.execute(
        "UPDATE acme_nonce_seeds SET seed = :seed, floor = 0 WHERE name = :name AND seed = :was",
        name=_NAME,
        seed=fresh,
        was=was,
    )


async def forget(tx: Transaction, *, before: int) -> None:
    """Refuse nonces from before a time from now on, and forget the marks of those that were refused already.

    In this order: a nonce whose mark goes now was refused by every statement that began since the call before.
    """
    await tx.execute(
        "DELETE FROM acme_spent_nonces WHERE issued_at < (SELECT floor FROM acme_nonce_seeds WHERE name = :name)",
        name=_NAME,
    )
    await tx.execute(
        "UPDATE acme_nonce_seeds SET floor = :before WHERE name = :name AND floor < :before", name=_NAME, before=before
    )

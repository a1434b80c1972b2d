"""Who wants no mail that is not legally due."""

from __future__ import annotations

from ca_core.store.database import Transaction


async def add(tx: Transaction, registration_id: str, address_digest: bytes, *, now: int) -> bool:
    """Remember it; False when it was said before."""
    added = await tx.execute(
        "INSERT INTO unsubscriptions (registration_id, address_digest, at)"
        " VALUES (:registration_id, :address_digest, :now) ON CONFLICT (registration_id, address_digest) DO NOTHING",
        registration_id=registration_id,
        address_digest=address_digest,
        now=now,
    )
    return added == 1


async def remove(tx: Transaction, registration_id: str, address_digest: bytes) -> bool:
    """Forget it; False when it was not so."""
    removed = await tx.execute(
        "DELETE FROM unsubscriptions WHERE registration_id = :registration_id AND address_digest = :address_digest",
        registration_id=registration_id,
        address_digest=address_digest,
    )
    return removed == 1


async def has(tx: Transaction, registration_id: str, address_digest: bytes) -> bool:
    """Whether it is so."""
    row = await tx.one(
        "SELECT 1 FROM unsubscriptions WHERE registration_id = :registration_id AND address_digest = :address_digest",
        registration_id=registration_id,
        address_digest=address_digest,
    )
    return row is not None

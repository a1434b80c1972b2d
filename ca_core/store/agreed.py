"""What every server of a store must have alike."""

from __future__ import annotations

from ca_core.store.database import Transaction


async def agree(tx: Transaction, name: str, fingerprint: str) -> bool:
    """Say what a server has; False when another one has said something else before."""
    await tx.execute(
        "INSERT INTO agreed (name, fingerprint) VALUES (:name, :fingerprint) ON CONFLICT (name) DO NOTHING",
        name=name,
        fingerprint=fingerprint,
    )
    row = await tx.one("SELECT fingerprint FROM agreed WHERE name = :name", name=name)
    return row is not None and row[0] == fingerprint

"""Nonces that senders have used, where several servers have to know."""

from __future__ import annotations

from ca_core.store.database import Transaction


async def use(tx: Transaction, sender: str, nonce: bytes, *, now: int) -> bool:
    """Mark a sender's nonce as used; False when it was before."""
    changed = await tx.execute(
        "INSERT INTO cmc_used_nonces (sender, nonce, used_at) VALUES (:sender, :nonce, :now)"
        " ON CONFLICT (sender, nonce) DO NOTHING",
        sender=sender,
        nonce=nonce,
        now=now,
    )
    return changed == 1


async def forget(tx: Transaction, *, before: int) -> None:
    """Forget what was used before a time: requests of then are refused as stale."""
    await tx.execute("DELETE FROM cmc_used_nonces WHERE used_at < :before", before=before)

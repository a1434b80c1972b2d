"""Revoked serials, each with its CRL entry ready."""

from __future__ import annotations

from ca_core.store import statuses
from ca_core.store.database import Transaction


async def insert(tx: Transaction, serial: str, issuer: str, *, reason: int, entry: bytes, now: int) -> bool:
    """Store a revocation; False when the serial is revoked already."""
    inserted = await tx.execute(
        "INSERT INTO revocations (serial, issuer, revoked_at, reason, entry)"
        " VALUES (:serial, :issuer, :now, :reason, :entry) ON CONFLICT DO NOTHING",
        serial=serial,
        issuer=issuer,
        now=now,
        reason=reason,
        entry=entry,
    )
    if inserted == 1:
        await statuses.mark_changed(tx, serial, now=now)
    return inserted == 1


async def entries(tx: Transaction, issuer: str) -> list[bytes]:
    """Every revokedCertificates element of one issuer, oldest first."""
    rows = await tx.all(
        "SELECT entry FROM revocations WHERE issuer = :issuer ORDER BY revoked_at, serial", issuer=issuer
    )
    return [entry for (entry,) in rows]

"""Versions of the subscriber agreement, each with its text as it was first published."""

from __future__ import annotations

from ca_core.registration.agreement import Agreement
from ca_core.store.database import Transaction


async def insert(tx: Transaction, agreement: Agreement, *, now: int) -> bool:
    """Publish a version; False when it was published before, with whatever text."""
    inserted = await tx.execute(
        "INSERT INTO agreements (version, media_type, text, sha256, published_at)"
        " VALUES (:version, :media_type, :text, :sha256, :now) ON CONFLICT (version) DO NOTHING",
        version=agreement.version,
        media_type=agreement.media_type,
        text=agreement.text,
        sha256=agreement.sha256,
        now=now,
    )
    return inserted == 1


async def by_version(tx: Transaction, version: str) -> Agreement | None:
    """Find a version that was published."""
    row = await tx.one(
        "SELECT version, media_type, text, sha256 FROM agreements WHERE version = :version", version=version
    )
    return Agreement(*row) if row else None

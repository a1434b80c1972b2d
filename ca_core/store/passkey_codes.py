"""One-time codes with which officers register a passkey: keyed hashes, at most one of each officer."""

from __future__ import annotations

from ca_core.store.database import Transaction


async def put(tx: Transaction, registration_id: str, secret: bytes, *, now: int, expires_at: int) -> None:
    """Store a code; the one before opens nothing any more."""
    await tx.execute(
        "INSERT INTO passkey_codes (registration_id, secret, created_at, expires_at)"
        " VALUES (:registration_id, :secret, :now, :expires_at)"
        " ON CONFLICT (registration_id) DO UPDATE SET secret = :secret, created_at = :now, expires_at = :expires_at",
        registration_id=registration_id,
        secret=secret,
        now=now,
        expires_at=expires_at,
    )


async def of(tx: Transaction, registration_id: str, *, now: int) -> bytes | None:
    """The keyed hash of an officer's code; None where there is none that is good now."""
    row = await tx.one(
        "SELECT secret FROM passkey_codes WHERE registration_id = :id AND expires_at >= :now",
        id=registration_id,
        now=now,
    )
    return None if row is None else bytes(row[0])


async def spend(tx: Transaction, registration_id: str, secret: bytes, *, now: int) -> bool:
    """Take a code, once; False when it was taken, replaced or is over."""
    changed = await tx.execute(
        "DELETE FROM passkey_codes WHERE registration_id = :id AND secret = :secret AND expires_at >= :now",
        id=registration_id,
        secret=secret,
        now=now,
    )
    return changed == 1


async def remove(tx: Transaction, registration_id: str) -> None:
    """Have no code open anything for an officer."""
    await tx.execute("DELETE FROM passkey_codes WHERE registration_id = :id", id=registration_id)

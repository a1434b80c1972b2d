"""Passkeys of subscribers and officers."""

from __future__ import annotations

from ca_core.registration.passkey import Passkey
from ca_core.store.database import Row, Transaction

_SELECT = (
    "SELECT credential_id, registration_id, label, public_key, sign_count, is_synced, created_at, used_at FROM passkeys"
    " WHERE "
)


def _passkey(row: Row) -> Passkey:
    credential_id, registration_id, label, public_key, sign_count, is_synced, created_at, used_at = row
    return Passkey(
        credential_id, registration_id, label, public_key, sign_count, bool(is_synced), created_at, used_at=used_at
    )


async def insert(tx: Transaction, passkey: Passkey) -> bool:
    """Store a new passkey; False when its identifier is somebody's already."""
    inserted = await tx.execute(
        "INSERT INTO passkeys (credential_id, registration_id, label, public_key, sign_count, is_synced, created_at)"
        " VALUES (:credential_id, :registration_id, :label, :public_key, :sign_count, :is_synced, :created_at)"
        " ON CONFLICT (credential_id) DO NOTHING",
        credential_id=passkey.credential_id,
        registration_id=passkey.registration_id,
        label=passkey.label,
        public_key=passkey.public_key,
        sign_count=passkey.sign_count,
        is_synced=int(passkey.is_synced),
        created_at=passkey.created_at,
    )
    return inserted == 1


async def by_id(tx: Transaction, credential_id: bytes) -> Passkey | None:
    """Find one."""
    row = await tx.one(_SELECT + "credential_id = :id", id=credential_id)
    return _passkey(row) if row else None


async def of(tx: Transaction, registration_id: str) -> list[Passkey]:
    """All of a registration, the oldest first."""
    rows = await tx.all(_SELECT + "registration_id = :id ORDER BY created_at, credential_id", id=registration_id)
    return [_passkey(row) for row in rows]


async def use(tx: Transaction, passkey: Passkey, *, sign_count: int, now: int) -> bool:
    """Write down that one was used, by compare-and-set; False when it was used meanwhile, or removed."""
    changed = await tx.execute(
        "UPDATE passkeys SET sign_count = :sign_count, used_at = :now WHERE credential_id = :id AND sign_count = :was",
        id=passkey.credential_id,
        was=passkey.sign_count,
        sign_count=sign_count,
        now=now,
    )
    return changed == 1


async def remove(tx: Transaction, passkey: Passkey) -> bool:
    """Remove one; False when it is gone already."""
    changed = await tx.execute("DELETE FROM passkeys WHERE credential_id = :id", id=passkey.credential_id)
    return changed == 1


async def remove_all(tx: Transaction, registration_id: str) -> list[Passkey]:
    """Remove all of a registration; returns them, the oldest first."""
    held = await of(tx, registration_id)
    await tx.execute("DELETE FROM passkeys WHERE registration_id = :id", id=registration_id)
    return held

"""Whose a public key is, and for what: one row for ever, so that no two owners ever share it (DESIGN, invariant 9)."""

from __future__ import annotations

from ca_core.store import holds
from ca_core.store.database import Transaction


async def block(tx: Transaction, spki_sha256: bytes, *, registration_id: str) -> None:
    """Take a compromised public key from whoever has it, for ever: no purpose is ever this one.

    What is being issued for it at this moment is waited for, so that whoever looks after this finds it.
    """
    await tx.hold(holds.key(spki_sha256))
    await tx.execute(
        "INSERT INTO key_owners (spki_sha256, purpose, registration_id)"
        " VALUES (:spki_sha256, 'compromised', :registration_id)"
        " ON CONFLICT (spki_sha256) DO UPDATE SET purpose = 'compromised'",
        spki_sha256=spki_sha256,
        registration_id=registration_id,
    )


async def is_blocked(tx: Transaction, spki_sha256: bytes) -> bool:
    """Whether a public key was taken from whoever had it, by `block`."""
    row = await tx.one(
        "SELECT 1 FROM key_owners WHERE spki_sha256 = :spki_sha256 AND purpose = 'compromised'",
        spki_sha256=spki_sha256,
    )
    return row is not None


async def claim(tx: Transaction, spki_sha256: bytes, *, purpose: str, registration_id: str) -> bool:
    """Make a public key this owner's for this purpose; False when it is somebody's or something's else.

    Insert first, look after where there is one: two claims at once cannot both find the key free. Nobody blocks it
    until this is over.
    """
    await tx.hold(holds.key(spki_sha256))
    inserted = await tx.execute(
        "INSERT INTO key_owners (spki_sha256, purpose, registration_id)"
        " VALUES (:spki_sha256, :purpose, :registration_id) ON CONFLICT DO NOTHING",
        spki_sha256=spki_sha256,
        purpose=purpose,
        registration_id=registration_id,
    )
    if inserted:
        return True
    row = await tx.one(
        "SELECT purpose, registration_id FROM key_owners WHERE spki_sha256 = :spki_sha256",
        spki_sha256=spki_sha256,
    )
    return row == (purpose, registration_id)

"""For which certificates the server made the key, and the keys under which such keys travel."""

from __future__ import annotations

from ca_core.store.certificates import names_digest
from ca_core.store.database import Transaction


async def insert(tx: Transaction, serial: str, *, now: int) -> None:
    """Remember that the key of a certificate was made here."""
    await tx.execute("INSERT INTO made_keys (serial, made_at) VALUES (:serial, :now)", serial=serial, now=now)


async def since(tx: Transaction, registration_id: str, profile: str, names: str, *, since: int) -> list[str]:
    """The serials of one profile and set of names whose keys were made here since a time, revoked or not."""
    rows = await tx.all(
        "SELECT m.serial FROM made_keys m JOIN certificates c ON c.serial = m.serial"
        " WHERE c.registration_id = :registration_id AND c.profile = :profile AND c.names_digest = :names_digest"
        " AND m.made_at >= :since",
        registration_id=registration_id,
        profile=profile,
        names_digest=names_digest(names),
        since=since,
    )
    return [row[0] for row in rows]


async def insert_decryption_key(tx: Transaction, key_id: str, registration_id: str, sealed: bytes, *, now: int) -> None:
    """Store a registration's decryption key in the place of the one that it had."""
    await tx.execute("DELETE FROM decryption_keys WHERE registration_id = :id", id=registration_id)
    await tx.execute(
        "INSERT INTO decryption_keys (key_id, registration_id, sealed, made_at)"
        " VALUES (:key_id, :registration_id, :sealed, :now)",
        key_id=key_id,
        registration_id=registration_id,
        sealed=sealed,
        now=now,
    )


async def decryption_key(tx: Transaction, key_id: str, registration_id: str) -> bytes | None:
    """A registration's decryption key, sealed; None where it has none of this name."""
    row = await tx.one(
        "SELECT sealed FROM decryption_keys WHERE key_id = :key_id AND registration_id = :registration_id",
        key_id=key_id,
        registration_id=registration_id,
    )
    return None if row is None else row[0]

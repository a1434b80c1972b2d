"""A registration's own certificates, whatever became of them."""

from __future__ import annotations

from ca_core.store.certificates import Certificate
from ca_core.store.database import Transaction

_OWN = (
    "SELECT c.serial, c.issuer, c.registration_id, c.profile, c.names, c.spki_sha256, c.not_before, c.not_after,"
    " c.replaces, c.issued_at, c.der, r.revoked_at, r.reason, c.shard, c.recalled_at"
    " FROM certificates c LEFT JOIN revocations r ON r.serial = c.serial"
    " WHERE c.registration_id = :registration_id AND c.issued_at IS NOT NULL AND c.not_after >= :since"
    " ORDER BY c.not_after DESC, c.serial LIMIT :most"
)


async def ending_since(tx: Transaction, registration_id: str, *, since: int, most: int) -> list[Certificate]:
    """Those that end, or have ended, since a time, UTC seconds; the last to end first."""
    rows = await tx.all(_OWN, registration_id=registration_id, since=since, most=most)
    return [Certificate(*row) for row in rows]

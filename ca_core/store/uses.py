"""What came of credentials: how many certificates go back to each, and when the last one was issued."""

from __future__ import annotations

from ca_core.store.database import Transaction


async def by_credential(tx: Transaction, registration_id: str) -> dict[str, tuple[int, int]]:
    """Of each credential of a registration that brought any: how many certificates, and the last one's time (UTC)."""
    rows = await tx.all(
        "SELECT t.credential_id, COUNT(*), MAX(t.issued_at) FROM certificates t JOIN credentials c"
        " ON c.id = t.credential_id WHERE c.registration_id = :registration_id AND t.issued_at IS NOT NULL"
        " GROUP BY t.credential_id",
        registration_id=registration_id,
    )
    return {str(id_): (int(count), int(last)) for id_, count, last in rows}

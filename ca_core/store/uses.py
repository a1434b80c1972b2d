"""What came of credentials: how many certificates go back to each, and when the last one was issued."""

from __future__ import annotations

from ca_core.store.database import Transaction

MOST_COUNTED = 1_000
"""Where there are more, they are not counted: a program may have had a million."""


async def by_credential(tx: Transaction, registration_id: str) -> dict[str, tuple[int, int]]:
    """Of each credential of a registration that brought any: how many certificates, and the last one's time (UTC)."""
    rows = await tx.all(
        "SELECT c.id, (SELECT COUNT(*) FROM (SELECT 1 FROM certificates t WHERE t.credential_id = c.id"
        " AND t.issued_at IS NOT NULL LIMIT :most) p), (SELECT MAX(t.issued_at) FROM certificates t"
        " WHERE t.credential_id = c.id) FROM credentials c WHERE c.registration_id = :registration_id",
        registration_id=registration_id,
        most=MOST_COUNTED,
    )
    return {str(id_): (int(count), int(last)) for id_, count, last in rows if count}

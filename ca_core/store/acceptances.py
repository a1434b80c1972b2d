"""Which versions of the subscriber agreement registrations have accepted."""

from __future__ import annotations

from ca_core.applicant import Door
from ca_core.registration.agreement import Acceptance, Agreement
from ca_core.store.database import Transaction


async def accept(tx: Transaction, registration_id: str, acceptance: Acceptance, *, door: Door) -> bool:
    """Note that a registration accepts a version; False when it has done so before, which counts."""
    inserted = await tx.execute(
        "INSERT INTO acceptances (registration_id, version, sha256, accepted_at, door)"
        " VALUES (:registration_id, :version, :sha256, :at, :door) ON CONFLICT DO NOTHING",
        registration_id=registration_id,
        version=acceptance.version,
        sha256=acceptance.sha256,
        at=acceptance.at,
        door=door.value,
    )
    return inserted == 1


async def of(tx: Transaction, registration_id: str, agreement: Agreement) -> Acceptance | None:
    """How a registration has accepted a version with this text; None where it has not."""
    row = await tx.one(
        "SELECT version, sha256, accepted_at FROM acceptances"
        " WHERE registration_id = :registration_id AND version = :version AND sha256 = :sha256",
        registration_id=registration_id,
        version=agreement.version,
        sha256=agreement.sha256,
    )
    return Acceptance(*row) if row else None

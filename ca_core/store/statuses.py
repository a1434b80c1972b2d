"""What is to be said of a serial's status (RFC 6960), and whose status changed when."""

from __future__ import annotations

import msgspec

from ca_core.store.database import Transaction


class Status(msgspec.Struct, frozen=True):
    """The status of a certificate that was issued, or whose signature may have left before a crash.

    Attributes:
        revoked_at: UTC seconds; None while it is good.
        reason: number of a CRLReason; None while it is good.
    """

    revoked_at: int | None
    reason: int | None


async def status(tx: Transaction, issuer: str, serial: str) -> Status | None:
    """The status of a serial; None when this issuer never issued it, or is only about to."""
    row = await tx.one(
        "SELECT r.revoked_at, r.reason FROM certificates c LEFT JOIN revocations r ON r.serial = c.serial"
        " WHERE c.serial = :serial AND c.issuer = :issuer"
        " AND (c.state = 'issued' OR (c.state = 'abandoned' AND r.serial IS NOT NULL))",
        serial=serial,
        issuer=issuer,
    )
    return Status(*row) if row else None


async def mark_changed(tx: Transaction, serial: str, *, now: int) -> None:
    """Tell every running server that what it remembers of this serial is out of date once this is committed."""
    await tx.execute("UPDATE status_counter SET last = last + 1")
    await tx.execute(
        "INSERT INTO status_changes (id, serial, at) SELECT last, :serial, :now FROM status_counter",
        serial=serial,
        now=now,
    )


async def mark_each_changed(tx: Transaction, serials: list[str], *, now: int) -> None:
    """As `mark_changed`, for many in a few statements."""
    await tx.execute("UPDATE status_counter SET last = last + :count", count=len(serials))
    first = await last_change(tx) - len(serials) + 1
    await tx.execute_each(
        "INSERT INTO status_changes (id, serial, at) VALUES (:id, :serial, :now)",
        [{"id": number, "serial": serial, "now": now} for number, serial in enumerate(serials, first)],
    )


async def last_change(tx: Transaction) -> int:
    """The number of the newest change; 0 before the first."""
    rows = await tx.all("SELECT last FROM status_counter")
    return int(rows[0][0])


async def changes_after(tx: Transaction, number: int) -> list[tuple[int, str]]:
    """Number and serial of every change after a number, in order."""
    rows = await tx.all("SELECT id, serial FROM status_changes WHERE id > :number ORDER BY id", number=number)
    return [(id_, serial) for id_, serial in rows]


async def forget_changes(tx: Transaction, *, before: int) -> None:
    """Remove what is older than any answer that is still given."""
    await tx.execute_at_length("DELETE FROM status_changes WHERE at < :before", before=before)

"""Revoked serials, each with its CRL entry ready."""

from __future__ import annotations

import msgspec

from ca_core.store import statuses
from ca_core.store.database import Transaction, Value

_PAGE_ENTRIES = 8192
_END_OF_TIME = 1 << 62


async def insert(
    tx: Transaction,
    serial: str,
    issuer: str,
    *,
    shard: int,
    not_after: int,
    reason: int,
    entry: bytes,
    now: int,
    invalid_since: int | None = None,
    mark: bool = True,
) -> bool:
    """Store a revocation; False when the serial is revoked already.

    Args:
        shard, not_after: the certificate's, or those of the intention that was given up.
        entry: what `ca_core.revocation.crl.entry` made of the same values.
        now: when it is revoked, UTC seconds.
        invalid_since: since when the certificate is not to be trusted, UTC seconds; None where nobody said.
        mark: whether servers are told now; False where the caller tells them of many at once, in this transaction.
    """
    inserted = await tx.execute(
        "INSERT INTO revocations (serial, issuer, shard, not_after, revoked_at, reason, entry, invalid_since)"
        " VALUES (:serial, :issuer, :shard, :not_after, :now, :reason, :entry, :invalid_since) ON CONFLICT DO NOTHING",
        serial=serial,
        issuer=issuer,
        shard=shard,
        not_after=not_after,
        now=now,
        reason=reason,
        entry=entry,
        invalid_since=invalid_since,
    )
    if inserted == 1 and mark:
        await statuses.mark_changed(tx, serial, now=now)
    return inserted == 1


async def replace(
    tx: Transaction,
    serial: str,
    *,
    was: int,
    reason: int,
    entry: bytes,
    now: int,
    invalid_since: int | None = None,
) -> bool:
    """Give a revocation another reason by compare-and-set; its date stays. False when it had another one."""
    changed = await tx.execute(
        "UPDATE revocations SET reason = :reason, entry = :entry, invalid_since = :invalid_since"
        " WHERE serial = :serial AND reason = :was",
        serial=serial,
        was=was,
        reason=reason,
        entry=entry,
        invalid_since=invalid_since,
    )
    if changed == 1:
        await statuses.mark_changed(tx, serial, now=now)
    return changed == 1


async def invalid_since(tx: Transaction, serial: str) -> int | None:
    """Since when a revoked certificate is known not to be trusted, UTC seconds; None where nobody said."""
    row = await tx.one("SELECT invalid_since FROM revocations WHERE serial = :serial", serial=serial)
    return row[0] if row else None


async def release(tx: Transaction, serial: str, *, was: int, now: int) -> bool:
    """Take a revocation away by compare-and-set, when its reason is still the hold's; False when it is not."""
    changed = await tx.execute(
        "DELETE FROM revocations WHERE serial = :serial AND reason = :was", serial=serial, was=was
    )
    if changed == 1:
        await statuses.mark_changed(tx, serial, now=now)
    return changed == 1


class Page(msgspec.Struct, frozen=True):
    """Entries in a row.

    Attributes:
        entries: joined.
        last: the key of the last one, after which the next page begins; None where there is no further one.
    """

    entries: bytes
    last: tuple[int, str] | None


async def page(tx: Transaction, issuer: str, shard: int, *, after: tuple[int, str]) -> Page:
    """The revokedCertificates elements of one shard that follow a key, a few thousand at most.

    The database joins them: row by row, two threads would take the interpreter from each other a million times.

    Args:
        shard: the certificates' shard; 0 is those that have none.
        after: notAfter and serial.
    """
    after_time, after_serial = after
    place: dict[str, Value] = {"issuer": issuer, "shard": shard, "after_time": after_time, "after_serial": after_serial}
    end = await tx.one(
        "SELECT not_after, serial FROM revocations WHERE issuer = :issuer AND shard = :shard"
        " AND (not_after, serial) > (:after_time, :after_serial)"
        " ORDER BY not_after, serial LIMIT 1 OFFSET :offset",
        **place,
        offset=_PAGE_ENTRIES - 1,
    )
    rows = await tx.all(
        "SELECT GROUP_CONCAT(HEX(entry), '') FROM revocations WHERE issuer = :issuer AND shard = :shard"
        " AND (not_after, serial) > (:after_time, :after_serial) AND (not_after, serial) <= (:end_time, :end_serial)",
        **place,
        end_time=end[0] if end else _END_OF_TIME,
        end_serial=end[1] if end else "",
    )
    ((joined,),) = rows
    return Page(bytes.fromhex(joined or ""), end)


async def next_shard(tx: Transaction, issuer: str, *, after: int) -> int | None:
    """The next shard in which anything is revoked; None after the last."""
    row = await tx.one(
        "SELECT MIN(shard) FROM revocations WHERE issuer = :issuer AND shard > :after", issuer=issuer, after=after
    )
    return row[0] if row else None

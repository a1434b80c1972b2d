"""The journal's rows in their places, the chain's head and its checkpoints."""

from __future__ import annotations

import msgspec

from ca_core.audit.chain import Entry, Head, Row
from ca_core.audit.checkpoint import Checkpoint
from ca_core.store.database import Transaction

CHECKPOINT_EVERY = 1000
"""Of each so many rows the last checkpoint is kept; what lies between goes when the next one comes."""

_ENDLESS = 1 << 62
_ENTRY = "id, at, event, actor, registration_id, serial, detail"
_PAGE = f"SELECT position, hash, {_ENTRY} FROM journal WHERE "  # noqa: S608  # our own column names
_ENTRIES = f"SELECT {_ENTRY} FROM journal WHERE "  # noqa: S608  # as above
_ORDER = " ORDER BY position, id LIMIT :most"


class Filter(msgspec.Struct, frozen=True):
    """Which rows an auditor wants to see; None is all.

    Attributes:
        serial: 40 hex digits.
        since: UTC seconds.
    """

    registration_id: str | None
    serial: str | None
    since: int | None


class Listed(msgspec.Struct, frozen=True):
    """A row as auditors read it; `position` and `hash` are None until the next turn of the sequencer."""

    position: int | None
    id: str
    at: int
    event: str
    actor: str
    registration_id: str | None
    serial: str | None
    detail: str
    hash: str | None


async def head(tx: Transaction) -> tuple[Head, bool]:
    """The chain's head, and whether the rows agree with it: its own is there, and none lies behind it."""
    row = await tx.one(
        "SELECT h.position, h.hash, j.hash,"
        " EXISTS (SELECT 1 FROM journal later WHERE later.position > h.position)"
        " FROM journal_head h LEFT JOIN journal j ON j.position = h.position WHERE h.name = 'journal'"
    )
    if row is None:
        return Head(0, ""), False
    position, hash_, own, has_later = row
    return Head(position, hash_), not has_later and (own == hash_ or (position == 0 and own is None))


async def unsequenced(tx: Transaction, *, most: int) -> list[Entry]:
    """Rows without a place, in the order of their ids."""
    rows = await tx.all(_ENTRIES + "position IS NULL ORDER BY id LIMIT :most", most=most)
    return [Entry(*row) for row in rows]


async def waits_since(tx: Transaction) -> int | None:
    """From when the oldest row is that has no place, UTC seconds; None when all have theirs."""
    row = await tx.one("SELECT at FROM journal WHERE position IS NULL ORDER BY id LIMIT 1")
    return row[0] if row else None


async def append(tx: Transaction, after: Head, rows: list[Row], checkpoint: Checkpoint) -> bool:
    """Put rows into their places behind a head by compare-and-set; False when another sequencer was faster."""
    moved = await tx.execute(
        "UPDATE journal_head SET position = :position, hash = :hash"
        " WHERE name = 'journal' AND position = :was AND hash = :was_hash",
        position=rows[-1].head.position,
        hash=rows[-1].head.hash,
        was=after.position,
        was_hash=after.hash,
    )
    if moved != 1:
        return False
    await tx.execute_each(
        "UPDATE journal SET position = :position, hash = :hash WHERE id = :id AND position IS NULL",
        [{"position": row.head.position, "hash": row.head.hash, "id": row.entry.id} for row in rows],
    )
    await keep(tx, checkpoint)
    return True


async def keep(tx: Transaction, checkpoint: Checkpoint) -> None:
    """Store a checkpoint, in the place of the one before of the same thousand."""
    await tx.execute(
        "DELETE FROM journal_checkpoints WHERE position >= :first AND position <= :position",
        first=checkpoint.position - (checkpoint.position - 1) % CHECKPOINT_EVERY,
        position=checkpoint.position,
    )
    await tx.execute(
        "INSERT INTO journal_checkpoints (position, hash, at, signature) VALUES (:position, :hash, :at, :signature)",
        position=checkpoint.position,
        hash=checkpoint.hash,
        at=checkpoint.at,
        signature=checkpoint.signature,
    )


async def hash_at(tx: Transaction, position: int) -> str | None:
    """The hash of the row at a position; None when there is none."""
    row = await tx.one("SELECT hash FROM journal WHERE position = :position", position=position)
    return row[0] if row else None


async def has_acknowledgement(tx: Transaction, *, since: int, until: int) -> bool:
    """Whether an operator has acknowledged a restore since a time (UTC seconds), in a row up to a position."""
    row = await tx.one(
        "SELECT 1 FROM journal WHERE event = 'restore-acknowledged' AND at >= :since AND position <= :until",
        since=since,
        until=until,
    )
    return row is not None


async def page(tx: Transaction, after: tuple[int, str] | None, *, most: int) -> list[Row]:
    """The rows that have a place, in its order, behind a position and id; None begins with the first."""
    if after is None:
        rows = await tx.all(_PAGE + "position IS NOT NULL" + _ORDER, most=most)
    else:
        # Also the id, so that a second row at the same position is not passed over.
        rows = await tx.all(
            _PAGE + "position >= :position AND (position > :position OR id > :id)" + _ORDER,
            position=after[0],
            id=after[1],
            most=most,
        )
    return [Row(Head(*row[:2]), Entry(*row[2:])) for row in rows]


async def checkpoints(tx: Transaction) -> list[Checkpoint]:
    """Every checkpoint."""
    rows = await tx.all("SELECT position, hash, at, signature FROM journal_checkpoints")
    return [Checkpoint(*row) for row in rows]


async def end(tx: Transaction) -> tuple[Head, list[Checkpoint]]:
    """The head and the checkpoints that are not before it, as they stand at one moment."""
    rows = await tx.all(
        "SELECT h.position, h.hash, c.position, c.hash, c.at, c.signature FROM journal_head h"
        " LEFT JOIN journal_checkpoints c ON c.position >= h.position WHERE h.name = 'journal'"
    )
    if not rows:
        return Head(0, ""), []
    return Head(*rows[0][:2]), [Checkpoint(*row[2:]) for row in rows if row[2] is not None]


async def listed(tx: Transaction, wanted: Filter, after: Listed | None, *, most: int) -> list[Listed]:
    """Rows in the order of the chain, and behind them those that have no place yet; from behind a row."""
    rows = await tx.all(
        "SELECT position, id, at, event, actor, registration_id, serial, detail, hash FROM journal"
        # The types are said for PostgreSQL, which a bare NULL does not tell.
        " WHERE (CAST(:registration_id AS TEXT) IS NULL OR registration_id = :registration_id)"
        " AND (CAST(:serial AS TEXT) IS NULL OR serial = :serial) AND (CAST(:since AS BIGINT) IS NULL OR at >= :since)"
        " AND (COALESCE(position, :endless) > :place OR COALESCE(position, :endless) = :place AND id > :id)"
        " ORDER BY COALESCE(position, :endless), id LIMIT :most",
        registration_id=wanted.registration_id,
        serial=wanted.serial,
        since=wanted.since,
        endless=_ENDLESS,
        place=0 if after is None else _ENDLESS if after.position is None else after.position,
        id="" if after is None else after.id,
        most=most,
    )
    return [Listed(*row) for row in rows]

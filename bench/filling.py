"""A store with many certificates in it, written past the server: what as many ACME issuances would have left.

For each certificate there are its row and its key's, an order with its authorization and challenge, and a row of
the journal in its place of the chain. The DER is that of one real certificate for all of them: nobody reads it.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ca_core.audit import chain
from ca_core.audit.chain import Entry, Head
from ca_core.audit.checkpoint import JournalKey
from ca_core.audit.event import CertificateIssued
from ca_core.identity import new_ordered_id, new_serial, serial_text
from server.journaling import open_key
from server.office import office

_BATCH = 50_000
_SECONDS_APART = 5
_LIFE_SECONDS = 90 * 86_400
_CACHE_KIBIBYTES = 2_000_000
_INSERTS = Path(__file__).with_suffix(".sql")


class Owner(NamedTuple):
    """An ACME account, and the registration that it is bound to."""

    account_id: str
    registration_id: str


def fill(home: Path, count: int) -> None:
    """Put certificates into the SQLite store of a home that nobody serves; its accounts hold as many each."""
    key, now = asyncio.run(opened(home))
    inserts = _INSERTS.read_text("utf-8").split(";\n")
    with closing(sqlite3.connect(home / "soapstone.db", isolation_level=None)) as database:
        # What is lost with a power cut here is written again by the next run.
        database.execute("PRAGMA synchronous = OFF")
        database.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}")
        owners = [Owner(*row) for row in database.execute("SELECT id, registration_id FROM acme_accounts ORDER BY id")]
        (der,) = database.execute("SELECT der FROM certificates WHERE der IS NOT NULL LIMIT 1").fetchone()
        head = Head(*database.execute("SELECT position, hash FROM journal_head").fetchone())
        for start in range(0, count, _BATCH):
            rows = list(_rows(range(start, min(start + _BATCH, count)), now - count * _SECONDS_APART, owners, der))
            for row, (place, _) in zip(rows, chain.chained(head, map(_entry, rows)), strict=True):
                row.update(position=place.position, hash=place.hash)
                head = place
            database.execute("BEGIN IMMEDIATE")
            for insert in filter(str.strip, inserts):
                database.executemany(insert, rows)
            database.execute("UPDATE journal_head SET position = ?, hash = ?", head)
            database.execute("COMMIT")
        checkpoint = key.sign(head.position, head.hash, at=now)
        database.execute(
            "INSERT INTO journal_checkpoints (position, hash, at, signature) VALUES (?, ?, ?, ?)",
            (checkpoint.position, checkpoint.hash, checkpoint.at, checkpoint.signature),
        )
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def opened(home: Path) -> tuple[JournalKey, int]:
    """The journal's key and the time, when every row has its place."""
    async with office(home) as opened:
        return await open_key(opened), opened.clock.now()


def _rows(numbers: range, start: int, owners: list[Owner], der: bytes) -> Iterator[dict[str, Any]]:
    """What one issuance each leaves, five seconds apart."""
    for number in numbers:
        at = start + number * _SECONDS_APART
        owner = owners[number % len(owners)]
        name = f"old{number}.zone{number % len(owners)}.bench.example"
        event = CertificateIssued("tls-server", (f"dns:{name}",), at + _LIFE_SECONDS, None)
        ids = ("order_id", "authorization_id", "challenge_id", "journal_id")
        yield {
            **{id_: new_ordered_id(at, number) for id_ in ids},
            **owner._asdict(),
            "serial": serial_text(new_serial()),
            "name": name,
            "names_digest": hashlib.sha256(name.encode()).digest(),
            "spki": secrets.token_bytes(32),
            "at": at,
            "not_after": at + _LIFE_SECONDS,
            "der": der,
            "detail": msgspec.json.encode(event).decode(),
        }


def _entry(row: dict[str, Any]) -> Entry:
    """Its row of the journal."""
    return Entry(
        row["journal_id"],
        row["at"],
        "certificate-issued",
        "acme:acme-account:127.0.0.1",
        row["registration_id"],
        row["serial"],
        row["detail"],
    )

"""A store in which the desk has much to look through, written past the server: registrations, with a certificate each.

Of each there are its row, its search terms, a certificate, and a row of the journal in its place of the chain. One in a
hundred certificates is revoked, one in a thousand registrations suspended.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from bench.filling import opened
from ca_core import der, names
from ca_core.audit import chain
from ca_core.audit.chain import Entry, Head
from ca_core.audit.event import CertificateIssued
from ca_core.identity import new_ordered_id, new_serial, serial_text
from ca_core.registration.account import Grant

KIND, REALM = "device", "main"
_BATCH = 50_000
_SPAN_SECONDS = 100 * 86_400
"""So long ago was the first one: some certificates have expired, and some are about to."""
_LIFE_SECONDS = 90 * 86_400
_VETTED_SECONDS = 3 * 365 * 86_400
_REVOKED_EVERY, _SUSPENDED_EVERY = 100, 1_000
_CACHE_KIBIBYTES = 1_000_000
_INSERTS = Path(__file__).with_suffix(".sql")
_TABLES = ("registrations", "search_terms", "certificates", "revocations", "journal")
_TERMS = "INSERT INTO search_terms (registration_id, term, realm) VALUES (:registration_id, :term, 'main')"


def account(number: int) -> str:
    """The site account of one of them."""
    return f"meter-{number}"


def name(number: int) -> str:
    """Its DNS name."""
    return f"old{number}.meters.bench.example"


def terms(number: int) -> Iterable[str]:
    """Its search terms, as `ca_core.registration.search_terms` finds them."""
    return account(number), str(number), name(number), "meters.bench.example", "bench.example"


def grants(number: int) -> tuple[Grant, ...]:
    """What is registered of it."""
    return (Grant(names.dns(name(number))),)


def fill(home: Path, count: int) -> None:
    """Put registrations into the SQLite store of a home that nobody serves and in which something was issued."""
    key, now = asyncio.run(opened(home))
    inserts = list(filter(str.strip, _INSERTS.read_text("utf-8").split(";\n")))
    with closing(sqlite3.connect(home / "soapstone.db", isolation_level=None)) as database:
        # What is lost with a power cut here is written again by the next run.
        database.execute("PRAGMA synchronous = OFF")
        database.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}")
        indexes = _without_indexes(database)
        (certificate,) = database.execute("SELECT der FROM certificates WHERE der IS NOT NULL LIMIT 1").fetchone()
        head = Head(*database.execute("SELECT position, hash FROM journal_head").fetchone())
        for start in range(0, count, _BATCH):
            numbers = range(start, min(start + _BATCH, count))
            rows = list(_rows(numbers, now, count, certificate))
            for row, (place, _) in zip(rows, chain.chained(head, map(_entry, rows)), strict=True):
                row.update(position=place.position, hash=place.hash)
                head = place
            database.execute("BEGIN IMMEDIATE")
            for insert in inserts:
                database.executemany(insert, rows)
            database.executemany(_TERMS, _term_rows(rows))
            database.execute("UPDATE journal_head SET position = ?, hash = ?", head)
            database.execute("COMMIT")
        checkpoint = key.sign(head.position, head.hash, at=now)
        database.execute(
            "INSERT INTO journal_checkpoints (position, hash, at, signature) VALUES (?, ?, ?, ?)",
            (checkpoint.position, checkpoint.hash, checkpoint.at, checkpoint.signature),
        )
        for index in indexes:
            database.execute(index)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _without_indexes(database: sqlite3.Connection) -> list[str]:
    """Drop what is made faster all at once; returns how each is made again."""
    marks = ", ".join("?" * len(_TABLES))
    found = database.execute(
        f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({marks})",  # noqa: S608  # marks
        _TABLES,
    ).fetchall()
    for index, _ in found:
        database.execute(f"DROP INDEX {index}")
    return [sql for _, sql in found]


def _rows(numbers: range, now: int, count: int, certificate: bytes) -> Iterator[dict[str, Any]]:
    for number in numbers:
        at = now - _SPAN_SECONDS + number * _SPAN_SECONDS // count
        event = CertificateIssued("device", (f"dns:{name(number)}",), at + _LIFE_SECONDS, None)
        yield {
            "number": number,
            "registration_id": new_ordered_id(at, number),
            "journal_id": new_ordered_id(at, number),
            "account": account(number),
            "subject": f"CN={account(number)}",
            "subject_der": der.EMPTY_SEQUENCE,
            "status": "active" if number % _SUSPENDED_EVERY else "suspended",
            "grants": msgspec.json.encode(grants(number)).decode(),
            "vetted_until": at + _VETTED_SECONDS,
            "is_revoked": int(number % _REVOKED_EVERY == 0),
            "serial": serial_text(new_serial()),
            "name": name(number),
            "names_digest": hashlib.sha256(name(number).encode()).digest(),
            "spki": secrets.token_bytes(32),
            "at": at,
            "not_after": at + _LIFE_SECONDS,
            "der": certificate,
            "detail": msgspec.json.encode(event).decode(),
        }


def _term_rows(rows: list[dict[str, Any]]) -> Iterator[dict[str, str]]:
    for row in rows:
        for term in terms(row["number"]):
            yield {"registration_id": row["registration_id"], "term": term}


def _entry(row: dict[str, Any]) -> Entry:
    """Its row of the journal."""
    return Entry(
        row["journal_id"],
        row["at"],
        "certificate-issued",
        "est:enrollment-code:127.0.0.1",
        row["registration_id"],
        row["serial"],
        row["detail"],
    )

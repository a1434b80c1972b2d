"""Ten thousand random ways to tamper with a stored journal, and every one of them is found.

The rows are those of a real SQLite journal. They are moved into tables without keys and indexes, as whoever can
write the file can have them, and each mutation is rolled back after it was looked at.
"""

# ruff: noqa: S608  # tables and columns are this file's own words, and values are bound

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ca_core.audit import journal
from ca_core.audit.chain import Broken, Entry, Head, Proof, Row, row_hash
from ca_core.audit.checkpoint import Checkpoint, JournalKey
from ca_core.audit.event import CertificateRevoked, CredentialRefused, SheetIssued
from ca_core.store.database import Database
from ca_core.store.migrate import migrate
from ca_core.store.opening import open_database
from tests.builders.clock import SettableClock
from tests.builders.core import MIGRATIONS
from tests.builders.journal import KEY, sequencer

MUTATIONS = 10_000
ROWS = 36
ROWS_A_CHECKPOINT = 12
COLUMNS = ("id", "at", "event", "actor", "registration_id", "serial", "detail", "position", "hash")
STRANGER = JournalKey(bytes(32))
SELECT = "SELECT position, hash, id, at, event, actor, registration_id, serial, detail FROM rows"


class Dice:
    """Numbers that come again when the seed that a failure shows is set."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self._thrown = 0

    def below(self, limit: int) -> int:
        self._thrown += 1
        digest = hashlib.sha256(f"{self.seed} {self._thrown}".encode()).digest()
        return int.from_bytes(digest[:8]) % limit

    def place(self) -> int:
        return 1 + self.below(ROWS)

    def one(self, choices: Any) -> Any:
        return choices[self.below(len(choices))]


class Stolen:
    """The tables as an intruder holds them."""

    def __init__(self, file: Path, outside: Checkpoint) -> None:
        self.store = sqlite3.connect(":memory:", isolation_level=None)
        self.store.execute("ATTACH DATABASE ? AS source", (str(file),))
        for table, name in (("journal", "rows"), ("journal_head", "head"), ("journal_checkpoints", "checkpoints")):
            self.store.execute(f"CREATE TABLE {name} AS SELECT * FROM source.{table}")
        self.store.execute("CREATE INDEX by_position ON rows (position, id)")
        self.store.execute("CREATE INDEX by_id ON rows (id)")
        self.outside = outside

    def run(self, sql: str, *values: Any) -> None:
        self.store.execute(sql, values)

    def state(self) -> list[Any]:
        return [self.store.execute(sql).fetchall() for sql in (SELECT, "SELECT * FROM head")]

    def rows(self) -> Iterator[Row]:
        for row in self.store.execute(f"{SELECT} WHERE position IS NOT NULL ORDER BY position, id"):
            yield Row(Head(*row[:2]), Entry(*row[2:]))

    def is_found(self) -> bool:
        try:
            self.prove()
        except Broken:
            return True
        return False

    def checkpoints(self, where: str = "TRUE") -> list[Checkpoint]:
        return [Checkpoint(*row) for row in self.store.execute(f"SELECT * FROM checkpoints WHERE {where}")]

    def prove(self) -> None:
        """What `verify()` does, page by page, over the stolen tables."""
        proof = Proof(KEY.public, [self.outside, *self.checkpoints()])
        proof.take(self.rows())
        head = Head(*self.store.execute("SELECT position, hash FROM head").fetchone())
        proof.end(head, self.checkpoints("position >= (SELECT position FROM head)"))

    def hash_anew(self, first: int) -> None:
        """Recompute every hash from a position on, and the head: all that can be done without the key."""
        before = self.store.execute("SELECT hash FROM rows WHERE position = ?", (first - 1,)).fetchone()
        last = Head(first - 1, before[0] if before else "0" * 64)
        for row in [row for row in self.rows() if row.head.position >= first]:
            last = Head(last.position + 1, row_hash(last.hash, last.position + 1, row.entry))
            self.run("UPDATE rows SET position = ?, hash = ? WHERE id = ?", *last, row.entry.id)
        self.run("UPDATE head SET position = ?, hash = ?", *last)


def alter(stolen: Stolen, dice: Dice) -> None:
    column, place = dice.one(COLUMNS), dice.place()
    value = dice.one(
        [
            *(None, "", "0", 0, 1, -1, 1.5, b"", b"{}", "x" * dice.below(40), dice.below(1 << 40)),
            *("0" * 64, "F" * 64, "é\u0000", dice.place()),
        ]
    )
    stolen.run(f"UPDATE rows SET {column} = ? WHERE position = ?", value, place)


def alter_a_little(stolen: Stolen, dice: Dice) -> None:
    column = dice.one(COLUMNS)
    change = dice.one(("{0} || ' '", "upper({0})", "substr({0}, 2)", "{0} + 1", "CAST({0} AS BLOB)", "'0' || {0}"))
    stolen.run(f"UPDATE rows SET {column} = {change.format(column)} WHERE position = ?", dice.place())


def null_for_empty(stolen: Stolen, dice: Dice) -> None:
    column = dice.one(("registration_id", "serial", "detail", "actor"))
    stolen.run(f"UPDATE rows SET {column} = CASE WHEN {column} IS NULL THEN '' END WHERE position = ?", dice.place())


def delete(stolen: Stolen, dice: Dice) -> None:
    first = dice.place()
    stolen.run("DELETE FROM rows WHERE position BETWEEN ? AND ?", first, first + dice.below(3))


def delete_and_close_the_gap(stolen: Stolen, dice: Dice) -> None:
    place = dice.place()
    stolen.run("DELETE FROM rows WHERE position = ?", place)
    stolen.run("UPDATE rows SET position = position - 1 WHERE position > ?", place)
    if dice.below(2):
        stolen.hash_anew(place)


def insert(stolen: Stolen, dice: Dice) -> None:
    place = dice.below(ROWS + 2)
    position = dice.one((place, place + 0.5, -place - 1, str(place) + "x"))
    entry = Entry(f"forged-{place}", 1, "certificate-issued", "cli:operator:root", None, None, "{}")
    before = stolen.store.execute("SELECT hash FROM rows WHERE position = ?", (place - 1,)).fetchone()
    own = row_hash(before[0] if before else "0" * 64, place, entry) if dice.below(2) else "ab" * 32
    if dice.below(2):
        stolen.run("UPDATE rows SET position = position + 1 WHERE position >= ?", position)
    stolen.run(f"INSERT INTO rows ({', '.join(COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", *entry, position, own)
    if dice.below(2):
        stolen.run("UPDATE head SET position = ?, hash = ?", position, own)


def swap(stolen: Stolen, dice: Dice) -> None:
    one, other = dice.place(), dice.place()
    stolen.run("UPDATE rows SET position = -position WHERE position IN (?, ?)", one, other)
    stolen.run("UPDATE rows SET position = ? WHERE position = ?", other, -one)
    stolen.run("UPDATE rows SET position = ? WHERE position = ?", one, -other)
    if dice.below(2):
        stolen.hash_anew(min(one, other))


def reorder(stolen: Stolen, dice: Dice) -> None:
    start, length = dice.place(), 2 + dice.below(5)
    stolen.run(
        "UPDATE rows SET position = ? + (position - ? + 1) % ? WHERE position >= ? AND position < ?",
        *(start, start, length, start, start + length),
    )
    if dice.below(2):
        stolen.hash_anew(start)


def duplicate(stolen: Stolen, dice: Dice) -> None:
    columns = ", ".join(COLUMNS)
    stolen.run(f"INSERT INTO rows ({columns}) SELECT {columns} FROM rows WHERE position = ?", dice.place())
    if dice.below(2):
        stolen.run("UPDATE rows SET id = id || 'x' WHERE rowid = last_insert_rowid()")


def truncate(stolen: Stolen, dice: Dice) -> None:
    last = dice.below(ROWS)
    stolen.run("DELETE FROM rows WHERE position > ?", last)
    if dice.below(3):
        stolen.run("DELETE FROM checkpoints WHERE position > ?", last)
    if dice.below(3):
        before = stolen.store.execute("SELECT hash FROM rows WHERE position = ?", (last,)).fetchone()
        stolen.run("UPDATE head SET position = ?, hash = ?", last, before[0] if before else "0" * 64)


def truncate_and_write_on(stolen: Stolen, dice: Dice) -> None:
    """Cut the end off, and fill up with rows of one's own until the position of the checkpoint outside."""
    last = dice.below(ROWS)
    stolen.run("UPDATE rows SET actor = actor || 'x' WHERE position > ?", last)
    stolen.run("DELETE FROM checkpoints WHERE position > ?", last)
    stolen.hash_anew(last + 1)


def replay_an_old_checkpoint(stolen: Stolen, dice: Dice) -> None:
    truncate(stolen, dice)
    old = dice.one(stolen.checkpoints() or [KEY.sign(1, "ab" * 32, at=1)])
    stolen.run("DELETE FROM checkpoints")
    head = stolen.store.execute("SELECT position, hash FROM head").fetchone()
    position, hash_ = dice.one(((old.position, old.hash), head))
    stolen.run("INSERT INTO checkpoints VALUES (?, ?, ?, ?)", position, hash_, old.at, old.signature)


def hash_anew_without_the_key(stolen: Stolen, dice: Dice) -> None:
    place = dice.place()
    stolen.run("UPDATE rows SET detail = detail || ' ' WHERE position = ?", place)
    stolen.hash_anew(dice.one((1, place)))
    if dice.below(2):
        stolen.run("DELETE FROM checkpoints WHERE position >= ?", place)
    if dice.below(2):
        for row in list(stolen.rows())[place - 1 :: 10]:
            word = STRANGER.sign(row.head.position, row.head.hash, at=1)
            stolen.run("INSERT INTO checkpoints VALUES (?, ?, ?, ?)", word.position, word.hash, word.at, word.signature)


def alter_the_head(stolen: Stolen, dice: Dice) -> None:
    column, value = dice.one((("position", dice.below(ROWS)), ("position", ROWS + 1), ("hash", "ab" * 32)))
    stolen.run(f"UPDATE head SET {column} = ?", value)


KINDS: tuple[Callable[[Stolen, Dice], None], ...] = (
    *(alter, alter, alter_a_little, alter_a_little, null_for_empty, delete, delete_and_close_the_gap, insert, swap),
    *(reorder, duplicate, truncate, truncate_and_write_on, replay_an_old_checkpoint, hash_anew_without_the_key),
    alter_the_head,
)


@pytest.fixture
async def stolen(tmp_path: Path) -> Stolen:
    database = await open_database("sqlite:soapstone.db", tmp_path, create=True)
    await migrate(database, MIGRATIONS, now=0)
    clock = SettableClock()
    checkpoints = []
    for _ in range(ROWS // ROWS_A_CHECKPOINT):
        await record_some(database, clock)
        await sequencer(database, clock, tmp_path).advance()
        clock.move(60)
        checkpoints.append(newest(tmp_path))
    await database.close()
    taken = Stolen(tmp_path / "soapstone.db", checkpoints[-1])
    taken.run("DELETE FROM checkpoints")
    for word in checkpoints:
        taken.run("INSERT INTO checkpoints VALUES (?, ?, ?, ?)", word.position, word.hash, word.at, word.signature)
    return taken


async def record_some(database: Database, clock: SettableClock) -> None:
    async with database.write() as tx:
        for number in range(ROWS_A_CHECKPOINT // 3):
            now = clock.now()
            await journal.record(tx, SheetIssued(number), now=now, actor="cli:operator:root", registration_id="r1")
            await journal.record(tx, CredentialRefused("shop", "est"), now=now, actor="est:unproven:192.0.2.1")
            event = CertificateRevoked("keyCompromise")
            await journal.record(tx, event, now=now, actor="server", registration_id="", serial=f"{number:040x}")


def newest(folder: Path) -> Checkpoint:
    with sqlite3.connect(folder / "soapstone.db") as store:
        row = store.execute("SELECT * FROM journal_checkpoints ORDER BY position DESC LIMIT 1").fetchone()
    store.close()
    return Checkpoint(*row)


def unfound_mutations(stolen: Stolen, dice: Dice) -> Iterator[str]:
    """Tamper; what came to nothing, such as swapping a row with itself, is tried again and does not count."""
    untouched = stolen.state()
    found = 0
    while found < MUTATIONS:
        kind = dice.one(KINDS)
        stolen.run("BEGIN")
        kind(stolen, dice)
        if stolen.is_found():
            found += 1
        elif stolen.state() != untouched:
            yield f"{kind.__name__}, after {found} others of the seed {dice.seed}"
        stolen.run("ROLLBACK")


@pytest.mark.timeout(240)
def test_ten_thousand_random_mutations_are_all_found(stolen: Stolen) -> None:
    stolen.prove()

    unfound = next(unfound_mutations(stolen, Dice(secrets.token_hex(8))), None)

    assert unfound is None
    stolen.store.close()

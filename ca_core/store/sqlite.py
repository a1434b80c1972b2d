"""SQLite: one file, one process that writes.

WAL with `synchronous=FULL`: what is committed survives a power cut.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path

import aiosqlite

from ca_core.errors import Damaged, Misconfigured
from ca_core.store.database import Database, Row, Table, Transaction, Value, tables_of
from ca_core.store.sqlite_faults import as_ours
from ca_core.store.sqlite_lines import Breath, Line, open_line
from ca_core.store.sqlite_writing import Writer

COMPANIONS = ("-wal", "-shm", "-journal")
"""How the files beside a database are named; what is in them is replayed into whatever database they stand beside."""
_TABLES = (
    "SELECT t.name, c.name, c.pk FROM sqlite_master t JOIN pragma_table_info(t.name) c"
    " WHERE t.type = 'table' ORDER BY t.rowid, c.cid"
)
_READERS = 3
"""Threads for what takes long."""


class SqliteDatabase(Database):
    """One connection that writes, one that reads on the event loop, and a few that read in threads.

    Attributes:
        connections: all of them, for whoever wants to see what runs.
    """

    is_shared = False

    def __init__(self, writer: Line, reader: Line, threads: Sequence[Line]) -> None:
        self.connections = [line.connection for line in (writer, reader, *threads)]
        self._writer = Writer(writer)
        self._reader = reader
        self._threads = threads
        self._free: asyncio.LifoQueue[Line] = asyncio.LifoQueue()
        for line in threads:
            self._free.put_nowait(line)

    async def holds(self, duty: str) -> bool:  # noqa: ARG002  # a port's signature
        """Always: there is nobody else."""
        return True

    def write(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction."""
        return self._writer.block()

    def read(self) -> AbstractAsyncContextManager[Transaction]:
        """Lend a reading connection."""
        return nullcontext(_Reading(self._reader, self._free))

    def still(self) -> AbstractAsyncContextManager[Transaction]:
        """Take the place of the one who may write."""
        return self.write()

    async def tables(self) -> list[Table]:
        """List the tables."""
        async with self.read() as tx:
            rows = await tx.all(_TABLES)
        return tables_of(rows)

    async def backup(self, path: Path) -> None:
        """Write a consistent copy."""
        async with aiosqlite.connect(path) as copy:
            await self._threads[0].thread.backup(copy)

    async def check(self) -> None:
        """Look at the structure of every page; takes seconds for a gigabyte."""
        async with self.read() as tx:
            row = await tx.one("PRAGMA quick_check(1)")
        if row is None or row[0] != "ok":
            found = " ".join(str(row and row[0]).split())
            raise Damaged(
                f"the database is damaged ({found}); stop the server, keep its files, and restore your newest backup"
            )

    async def discard(self) -> None:
        """Do nothing: the file goes with its folder."""

    async def close(self) -> None:
        """Close every connection."""
        await self._writer.close()
        for line in (self._reader, *self._threads):
            await line.close()


class _Reading(Transaction):
    """Each call is one statement, and sees the newest commit."""

    def __init__(self, line: Line, free: asyncio.LifoQueue[Line]) -> None:
        self._line = line
        self._free = free
        self._breath = Breath()

    async def execute(self, sql: str, **values: Value) -> int:
        """Fail: the connection cannot write."""
        await self.all(sql, **values)
        return 0

    async def execute_each(self, sql: str, values: Sequence[dict[str, Value]]) -> None:
        """Fail: the connection cannot write."""
        for one in values:
            await self.all(sql, **one)

    async def all(self, sql: str, **values: Value) -> list[Row]:
        """Return every row."""
        await self._breath.take()
        try:
            rows = self._line.look(sql, values)
            return await self._at_length(sql, values) if rows is None else rows
        except sqlite3.Error as error:
            raise as_ours(error) from error

    async def hold(self, *names: str, shared: bool = False) -> None:
        """Do nothing: nobody waits for a reader."""

    async def script(self, sql: str) -> None:
        """Fail: the connection cannot write."""
        await self.all(sql)

    async def _at_length(self, sql: str, values: dict[str, Value]) -> list[Row]:
        line = await self._free.get()
        try:
            return await line.look_at_length(sql, values)
        finally:
            self._free.put_nowait(line)


async def open_sqlite(path: Path, *, create: bool) -> Database:
    """Open a file.

    Args:
        create: whether the file may be new.

    Raises:
        Misconfigured: the file is missing or no database.
    """
    if not create:
        _require(path)
    opened: list[Line] = []
    try:
        opened.append(await open_line(path, read_only=False, waits=False))
        opened.append(await open_line(path, read_only=True, waits=False))
        # Not in one go: those that were opened before one fails have to be closed.
        for _ in range(_READERS):
            opened.append(await open_line(path, read_only=True, waits=True))  # noqa: PERF401  # as it says
    except sqlite3.Error as error:
        for line in opened:
            await line.close()
        raise Misconfigured(f"cannot open the database {path}: {error}; restore it from your backup") from error
    return SqliteDatabase(opened[0], opened[1], opened[2:])


def _require(path: Path) -> None:
    if not path.exists():
        raise Misconfigured(f"the database {path} is missing; restore it from your backup")

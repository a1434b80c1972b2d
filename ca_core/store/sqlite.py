"""SQLite: one file, one process that writes.

WAL with `synchronous=FULL`: what is committed survives a power cut.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path

import aiosqlite

from ca_core.errors import Damaged, Misconfigured, StoreUnavailable
from ca_core.store.database import Database, Row, Table, Transaction, Value, tables_of

COMPANIONS = ("-wal", "-shm", "-journal")
"""How the files beside a database are named; what is in them is replayed into whatever database they stand beside."""
_BUSY_SECONDS = 10
_READERS = 3
_RETRY_AFTER_SECONDS = 2
_PASSING_FAULTS = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
    }
)
_TABLES = (
    "SELECT t.name, c.name, c.pk FROM sqlite_master t JOIN pragma_table_info(t.name) c"
    " WHERE t.type = 'table' ORDER BY t.rowid, c.cid"
)
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRIMARY_CODE = 0xFF


@contextmanager
def _faults_as_ours() -> Iterator[None]:
    """Turn what the disk or another writer causes into a refusal; an error in our SQL stays a bug."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        # Text that is not UTF-8 is found by the library, and has no code.
        has_no_code = isinstance(error, sqlite3.OperationalError) and not hasattr(error, "sqlite_errorcode")
        code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
        if has_no_code or code in _DAMAGE:
            raise Damaged(f"the database is damaged ({error}); see: soapstone journal verify") from error
        if not isinstance(error, sqlite3.OperationalError) or code not in _PASSING_FAULTS:
            raise
        raise StoreUnavailable(
            "the store cannot be used right now; try again shortly",
            retry_after_seconds=_RETRY_AFTER_SECONDS,
        ) from error


class SqliteTransaction(Transaction):
    """Each call is one statement and one hop to the database's thread."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def execute(self, sql: str, **values: Value) -> int:
        """Run one statement."""
        with _faults_as_ours():
            cursor = await self._connection.execute(sql, values)
            return cursor.rowcount

    async def execute_each(self, sql: str, values: Sequence[dict[str, Value]]) -> None:
        """Run one statement once for each set of values."""
        with _faults_as_ours():
            await self._connection.executemany(sql, values)

    async def all(self, sql: str, **values: Value) -> list[Row]:
        """Return every row."""
        with _faults_as_ours():
            return [tuple(row) for row in await self._connection.execute_fetchall(sql, values)]

    async def hold(self, *names: str) -> None:
        """Do nothing: whoever writes holds the whole database."""

    async def script(self, sql: str) -> None:
        """Run statement by statement, told apart by SQLite itself: `executescript` would commit first."""
        statement = ""
        for line in sql.splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                await self.execute(statement)
                statement = ""


class SqliteDatabase(Database):
    """A single writing connection, a few reading ones."""

    def __init__(self, writer: aiosqlite.Connection, readers: Sequence[aiosqlite.Connection]) -> None:
        self._writer = writer
        self._turn = asyncio.Lock()
        self._all_readers = readers
        self._readers: asyncio.LifoQueue[aiosqlite.Connection] = asyncio.LifoQueue()
        for reader in readers:
            self._readers.put_nowait(reader)

    @property
    def is_shared(self) -> bool:
        """One file has one process that serves from it."""
        return False

    async def holds(self, duty: str) -> bool:  # noqa: ARG002  # a port's signature
        """Always: there is nobody else."""
        return True

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """Open a transaction.

        It takes the write lock at once: a transaction that reads first and writes later fails with
        "database is locked" however long it may wait.
        """
        async with self._turn:
            is_stored = False
            try:
                with _faults_as_ours():
                    await self._writer.execute("BEGIN IMMEDIATE")
                yield SqliteTransaction(self._writer)
                with _faults_as_ours():
                    await self._writer.commit()
                is_stored = True
            finally:
                # Also on cancellation: the next writer must not find half of this one's work. Without asking whether
                # there is a transaction: one that was cancelled while it opened begins only now, in its thread,
                # and this waits in line behind it.
                if not is_stored:
                    await asyncio.shield(self._writer.rollback())

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """Lend a reading connection."""
        reader = await self._readers.get()
        try:
            yield SqliteTransaction(reader)
        finally:
            self._readers.put_nowait(reader)

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
            await self._all_readers[0].backup(copy)

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
        for connection in (*self._all_readers, self._writer):
            await connection.close()


async def open_sqlite(path: Path, *, create: bool) -> Database:
    """Open a file.

    Args:
        create: whether the file may be new.

    Raises:
        Misconfigured: the file is missing or no database.
    """
    if not create:
        _require(path)
    opened: list[aiosqlite.Connection] = []
    try:
        # Not in one go: those that were opened before one fails have to be closed.
        for _ in range(1 + _READERS):
            connection = await aiosqlite.connect(path, isolation_level=None, timeout=_BUSY_SECONDS)
            opened.append(connection)
            await _prepare(connection, read_only=len(opened) > 1)
    except sqlite3.Error as error:
        # Each connection is a thread, and the process would wait for it for ever.
        for connection in opened:
            await connection.close()
        raise Misconfigured(f"cannot open the database {path}: {error}; restore it from your backup") from error
    return SqliteDatabase(opened[0], opened[1:])


async def _prepare(connection: aiosqlite.Connection, *, read_only: bool) -> None:
    # The journal mode is stored in the file; setting it again is free, and a reader may be the first to open it.
    await connection.execute("PRAGMA journal_mode = WAL")
    await connection.execute("PRAGMA synchronous = FULL")
    await connection.execute("PRAGMA foreign_keys = ON")
    if read_only:
        await connection.execute("PRAGMA query_only = ON")


def _require(path: Path) -> None:
    if not path.exists():
        raise Misconfigured(f"the database {path} is missing; restore it from your backup")

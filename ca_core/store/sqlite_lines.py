"""Connections to SQLite, and where their statements run (docs/decisions/041).

A statement that an index answers takes 5 to 20 µs, and a hop to a thread takes several times that. So statements run on
the event loop, and in a thread only what could keep others waiting: what has taken too many steps, what is said to be
long, every COMMIT.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from ca_core.store.database import Row, Value
from ca_core.store.sqlite_faults import code_of

_STEPS_A_LOOK = 1_000
_MOST_LOOKS = 8
"""Steps of SQLite's machine that a read may take on the event loop, in thousands: half a millisecond."""
_BREATH_SECONDS = 0.001
_THREAD_BUSY_SECONDS = 10
_KEPT_STATEMENTS = 512
_CHUNK_ROWS = 64
"""How aiosqlite walks through a cursor, which nobody here does."""
_NOT_HERE = frozenset({sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY})

T = TypeVar("T")


class Line:
    """One connection, used by the event loop or by its thread; never by both at once.

    Attributes:
        connection: for what is short.
        thread: the same connection, for what may take long.
    """

    def __init__(self, connection: sqlite3.Connection, thread: aiosqlite.Connection) -> None:
        self.connection = connection
        self.thread = thread
        self._looks_left: int | None = None
        connection.set_progress_handler(self._is_too_long, _STEPS_A_LOOK)

    def look(self, sql: str, values: Mapping[str, Value]) -> list[Row] | None:
        """Every row of a query; None when it takes too many steps, or would have to wait for another process."""
        self._looks_left = _MOST_LOOKS
        try:
            return self.connection.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            if code_of(error) in _NOT_HERE:
                return None
            raise
        finally:
            self._looks_left = None

    async def look_at_length(self, sql: str, values: Mapping[str, Value]) -> list[Row]:
        """Every row of a query, in the thread."""
        rows = await to_its_end(self.thread.execute_fetchall(sql, values))
        return [tuple(row) for row in rows]

    async def close(self) -> None:
        """Close the connection and end its thread."""
        await self.thread.close()

    def _is_too_long(self) -> bool:
        if self._looks_left is None:
            return False
        self._looks_left -= 1
        return self._looks_left < 0


class Breath:
    """Lets others have the event loop when a block has kept it for a while, however short each statement is."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    async def take(self) -> None:
        """Call it before each statement."""
        if time.perf_counter() - self._since > _BREATH_SECONDS:
            await asyncio.sleep(0)
            self._since = time.perf_counter()


async def to_its_end(job: Coroutine[Any, Any, T]) -> T:
    """Wait for a thread's job until it has ended, even when cancelled: until then the connection is not free."""
    task = asyncio.ensure_future(job)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        # What came of it is told to nobody.
        task.exception()
        raise asyncio.CancelledError
    return task.result()


async def open_line(path: Path, *, read_only: bool, waits: bool) -> Line:
    """Open a connection.

    Args:
        waits: whether a statement waits for other processes; only where it runs in the thread it may.
    """
    connection = sqlite3.connect(
        path,
        isolation_level=None,
        timeout=_THREAD_BUSY_SECONDS,
        check_same_thread=False,
        cached_statements=_KEPT_STATEMENTS,
    )
    thread = aiosqlite.Connection(lambda: connection, _CHUNK_ROWS)
    try:
        await thread
        await _prepare(thread, read_only=read_only, waits=waits)
    except sqlite3.Error:
        # Each connection is a thread, and the process would wait for it for ever.
        await thread.close()
        raise
    return Line(connection, thread)


async def _prepare(thread: aiosqlite.Connection, *, read_only: bool, waits: bool) -> None:
    # The journal mode is stored in the file; setting it again is free, and a reader may be the first to open it.
    await thread.execute("PRAGMA journal_mode = WAL")
    await thread.execute("PRAGMA synchronous = FULL")
    await thread.execute("PRAGMA foreign_keys = ON")
    # What savepoints keep of changed pages would go through a file in /tmp.
    await thread.execute("PRAGMA temp_store = MEMORY")
    if read_only:
        await thread.execute("PRAGMA query_only = ON")
    if not waits:
        await thread.execute("PRAGMA busy_timeout = 0")

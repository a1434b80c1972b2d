"""Writing to SQLite: blocks that share a commit (docs/decisions/041).

One block has its turn at a time. The first that ends well opens a group, those that waited for their turn meanwhile
join it, and then one COMMIT, one wait for the disk, stores them all. Until it has, nobody in the group hears anything,
and no reader sees anything. Each block but the first is a savepoint, so that one which fails takes nobody with it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from ca_core.errors import Refusal
from ca_core.store.database import Row, Transaction, Value
from ca_core.store.sqlite_faults import as_ours, code_of, unavailable
from ca_core.store.sqlite_lines import Breath, Line, to_its_end

_BUSY_SECONDS = 10
"""How long a block waits for another process that writes, such as a command."""
_POLL_SECONDS = 0.005
_MOST_AT_ONCE = 100
"""Of how many rows a statement is run on the event loop; of more, in the thread."""
_READS = ("SELECT ", "WITH ")


class _Group:
    """Blocks that share a commit.

    Attributes:
        members: how many have ended well.
        told: whether they are stored, once that is known.
        cause: what prevented it, where SQLite has said so.
    """

    def __init__(self) -> None:
        self.members = 0
        self.told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.cause: sqlite3.Error | None = None

    async def hear(self) -> None:
        """Wait until its work is on the disk.

        Raises:
            StoreUnavailable, Damaged: it is not, and never will be.
        """
        # Shielded: others wait for the same.
        if not await asyncio.shield(self.told):
            raise (as_ours(self.cause) if self.cause else unavailable()) from self.cause


class Writer:
    """The one connection that writes."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._connection = line.connection
        self._turn = asyncio.Lock()
        self._group: _Group | None = None
        self._commits: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def block(self) -> AsyncIterator[Transaction]:
        """Run a block as a member of a group, and wait until the group is stored.

        Cancelled before its end, it leaves no trace. Cancelled while it waits for the disk, it may be stored, as after
        an answer that was lost.
        """
        group = None
        try:
            async with self._turn:
                group = await self._joined()
                is_first, is_whole = group.members == 0, False
                try:
                    yield Writing(self._line)
                    self._keep(group, is_first=is_first)
                    is_whole = True
                finally:
                    if not is_whole:
                        self._undo(group, is_first=is_first)
        except Refusal:
            # What it stands on may be the work of another member, which is not stored yet.
            if group is not None and group.members:
                await group.hear()
            raise
        await group.hear()

    async def close(self) -> None:
        """Let the last group be stored, and close the connection."""
        while self._group is not None:
            await asyncio.wait({self._group.told})
        await self._line.close()

    async def _joined(self) -> _Group:
        """The group that is open, with a savepoint to come back to; or a new one.

        BEGIN takes the write lock at once: a transaction that reads first and writes later fails with
        "database is locked" however long it may wait.
        """
        try:
            if self._group is None:
                await self._begin()
                self._group = _Group()
            else:
                self._connection.execute("SAVEPOINT block")
        except sqlite3.Error as error:
            raise as_ours(error) from error
        return self._group

    async def _begin(self) -> None:
        """Begin, once no other process writes; the event loop goes on meanwhile."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _BUSY_SECONDS
        while True:
            try:
                # What could not be gone back from at the time.
                self._connection.rollback()
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if code_of(error) != sqlite3.SQLITE_BUSY or loop.time() > until:
                    raise
            else:
                return
            await asyncio.sleep(_POLL_SECONDS)

    def _keep(self, group: _Group, *, is_first: bool) -> None:
        """Make a block that has ended well a member; the first one sees to the commit."""
        try:
            if not self._connection.in_transaction:
                # The block has gone on after a fault by which SQLite gave everything up.
                raise unavailable()
            if not is_first:
                self._connection.execute("RELEASE block")
        except sqlite3.Error as error:
            raise as_ours(error) from error
        group.members += 1
        if is_first:
            # It waits for its turn behind the blocks that wait already: those are the group.
            commit = asyncio.create_task(self._store(group))
            self._commits.add(commit)
            commit.add_done_callback(self._commits.discard)

    def _undo(self, group: _Group, *, is_first: bool) -> None:
        """Go back to before a block; without asking what it did."""
        try:
            if is_first or not self._connection.in_transaction:
                self._give_up(group)
                return
            self._connection.execute("ROLLBACK TO block")
            self._connection.execute("RELEASE block")
        except sqlite3.Error as error:
            self._give_up(group, error)

    async def _store(self, group: _Group) -> None:
        async with self._turn:
            if group.told.done():
                return
            is_stored, cause = False, None
            try:
                # In the thread: the disk may take as long as it likes.
                await to_its_end(self._line.thread.commit())
                is_stored = True
            except sqlite3.Error as error:
                cause = error
            finally:
                # Whatever was raised: cancelled as the loop ends, it may be stored, which the disk alone knows.
                if is_stored:
                    self._group = None
                    group.told.set_result(True)
                else:
                    self._give_up(group, cause)

    def _give_up(self, group: _Group, cause: sqlite3.Error | None = None) -> None:
        """Go back to before a whole group, and tell its members."""
        self._group = None
        group.cause = cause
        group.told.set_result(False)
        # SQLite may have done so already, as with a full disk; then this does nothing. Where it cannot, the next
        # BEGIN asks again, or says that it cannot be had.
        with suppress(sqlite3.Error):
            self._connection.rollback()


class Writing(Transaction):
    """The statements of one block."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._connection = line.connection
        self._breath = Breath()

    async def execute(self, sql: str, **values: Value) -> int:
        """Run one statement."""
        await self._ready()
        try:
            return self._connection.execute(sql, values).rowcount
        except sqlite3.Error as error:
            raise as_ours(error) from error

    async def execute_at_length(self, sql: str, **values: Value) -> int:
        """Run one statement, in the thread."""
        await self._ready()
        try:
            return (await to_its_end(self._line.thread.execute(sql, values))).rowcount
        except sqlite3.Error as error:
            raise as_ours(error) from error

    async def execute_each(self, sql: str, values: Sequence[dict[str, Value]]) -> None:
        """Run one statement once for each set of values."""
        await self._ready()
        try:
            if len(values) > _MOST_AT_ONCE:
                await to_its_end(self._line.thread.executemany(sql, values))
            else:
                self._connection.executemany(sql, values)
        except sqlite3.Error as error:
            raise as_ours(error) from error

    async def all(self, sql: str, **values: Value) -> list[Row]:
        """Return every row."""
        await self._ready()
        try:
            if not sql.startswith(_READS):
                # To interrupt what changes something would give the whole transaction up.
                return self._connection.execute(sql, values).fetchall()
            rows = self._line.look(sql, values)
            return await self._line.look_at_length(sql, values) if rows is None else rows
        except sqlite3.Error as error:
            raise as_ours(error) from error

    async def hold(self, *names: str, shared: bool = False) -> None:
        """Do nothing: whoever writes holds the whole database."""

    async def script(self, sql: str) -> None:
        """Run statement by statement, told apart by SQLite itself: `executescript` would commit first."""
        statement = ""
        for line in sql.splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                await self.execute_at_length(statement)
                statement = ""

    async def _ready(self) -> None:
        await self._breath.take()
        if not self._connection.in_transaction:
            # A fault by which SQLite gave everything up: what follows would be stored by itself.
            raise unavailable()

"""PostgreSQL as a store.

Transactions are READ COMMITTED: each statement sees the newest commit, as in SQLite. What SQLite's single writer
decides without a word, a compare-and-set, a unique index or `hold` decides here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import asyncpg

from ca_core.errors import Damaged, Misconfigured
from ca_core.store.database import Database, Row, Statement, Table, Transaction, Value, tables_of
from ca_core.store.postgresql.duties import Duties, lock_number
from ca_core.store.postgresql.faults import faults_as_ours
from ca_core.store.postgresql.lending import Lender
from ca_core.store.postgresql.spelling import beside, bound, bound_each, joined, spelled, statements

TABLES = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema()"
_LONGEST_SCRIPT_SECONDS = 86_400
_MOST_LEFT = 4
"""How many rows of one statement are left for later: each number of them is another statement to the server."""
_MOST_TOGETHER = 100
"""How many statements are left at a time; a row of the server's has no more than 1,664 columns."""
_UNHURRIED = "SET LOCAL statement_timeout = 0"
_TABLES = (
    "SELECT t.relname, c.attname, COALESCE(array_position(CAST(i.indkey AS smallint[]), c.attnum) + 1, 0)"
    " FROM pg_class t JOIN pg_attribute c ON c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped"
    " LEFT JOIN pg_index i ON i.indrelid = t.oid AND i.indisprimary"
    " WHERE t.relkind = 'r' AND t.relpersistence = 'p' AND t.relnamespace = CAST(current_schema() AS regnamespace)"
    " ORDER BY t.oid, c.attnum"
)
_FAULTS = "SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()"


class _Left(NamedTuple):
    """A statement that is left for later."""

    sql: str
    values: dict[str, Value]
    or_else: Callable[[], Exception] | None


class PostgresqlTransaction(Transaction):
    """Each call is one round trip, and what goes ahead of the first, BEGIN and holds, is one together.

    Args:
        begins: whether it is one to the server; else each statement is by itself.
    """

    def __init__(self, connection: asyncpg.Connection, *, begins: bool = False) -> None:
        self._connection = connection
        self._to_begin = begins
        self._is_begun = False
        self._held: set[tuple[str, bool]] = set()
        self._locks: list[str] = []
        self._left: list[_Left] = []

    async def execute(self, sql: str, **values: Value) -> int:
        """Run one statement."""
        with faults_as_ours():
            await self._catch_up()
            return await self._executed(sql, values)

    async def execute_each(self, sql: str, values: Sequence[dict[str, Value]]) -> None:
        """Run one statement once for each set of values."""
        if not values:
            return
        text, sent = bound_each(sql, values)
        with faults_as_ours():
            await self._catch_up()
            await self._connection.executemany(text, sent)

    async def later(self, sql: str, *, or_else: Callable[[], Exception] | None = None, **values: Value) -> None:
        """Run one statement with the next that cannot wait, or with the end."""
        await self._leave(_Left(sql, values, or_else))

    async def later_each(self, sql: str, values: Sequence[dict[str, Value]]) -> None:
        """The same, for a few; many are a journey of their own."""
        if len(values) > _MOST_LEFT:
            await self.execute_each(sql, values)
        else:
            for one in values:
                await self._leave(_Left(sql, one, None))

    async def execute_beside(self, sql: str, **values: Value) -> int:
        """Run one statement with those that were left for later."""
        with faults_as_ours():
            await self._send_ahead()
            return await self._run_left(_Left(sql, values, None))

    async def all(self, sql: str, **values: Value) -> list[Row]:
        """Return every row."""
        text, sent = bound(sql, values)
        with faults_as_ours():
            await self._catch_up()
            return [tuple(row) for row in await self._connection.fetch(text, *sent)]

    async def hold(self, *names: str, shared: bool = False) -> None:
        """Take locks that end with the transaction, in one order, so that two holders never wait for each other."""
        wanted = {(name, shared) for name in names} - self._held
        self._held |= wanted
        lock = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        self._locks += [f"{lock}({number})" for number in sorted({lock_number(name) for name, _ in wanted})]

    async def script(self, sql: str) -> None:
        """Run a migration, which rewrites tables as large as they are."""
        texts = [spelled(statement).text for statement in statements(sql)]
        with faults_as_ours():
            await self._catch_up()
            await self._connection.execute("; ".join([_UNHURRIED, *texts]), timeout=_LONGEST_SCRIPT_SECONDS)

    async def commit(self) -> None:
        """Make what was done durable."""
        with faults_as_ours():
            await self._run_last()
            if self._is_begun:
                status = await self._connection.execute("COMMIT")
                if status != "COMMIT":
                    raise RuntimeError("a statement of this transaction had failed, and it went on")

    async def _leave(self, statement: _Left) -> None:
        if len(self._left) == _MOST_TOGETHER:
            with faults_as_ours():
                await self._catch_up()
        self._left.append(statement)

    async def _catch_up(self) -> None:
        await self._send_ahead()
        if self._left:
            await self._run_left()

    async def _send_ahead(self) -> None:
        if self._to_begin or self._locks:
            ahead = ["BEGIN"] if self._to_begin else []
            if self._locks:
                # One after the other, from left to right.
                ahead.append(f"SELECT {', '.join(self._locks)}")
            self._is_begun, self._to_begin, self._locks = True, False, []
            await self._connection.execute("; ".join(ahead))

    async def _run_left(self, last: _Left | None = None) -> int:
        """Run what was left for later, and one more; return how many rows the last one has changed."""
        left, self._left = [*self._left, *([last] if last else [])], []
        if len(left) == 1:
            counts = [await self._executed(left[0].sql, left[0].values)]
        else:
            text, sent = joined([Statement(one.sql, one.values) for one in left])
            (counts,) = await self._connection.fetch(text, *sent)
        for one, count in zip(left, counts, strict=True):
            if count == 0 and one.or_else is not None:
                raise one.or_else()
        return int(counts[-1])

    async def _run_last(self) -> None:
        """Run what was left; where there was nothing else, it is a transaction by being one statement."""
        left = self._left
        needed = [number for number, one in enumerate(left) if one.or_else is not None]
        if not left or not self._to_begin or self._locks or len(needed) > 1:
            if left:
                await self._catch_up()
            return
        if len(left) == 1:
            await self._run_left()
            return
        text, sent = joined([Statement(one.sql, one.values) for one in left], needed=needed[0] if needed else None)
        self._left = []
        try:
            await self._connection.fetch(text, *sent)
        except asyncpg.DivisionByZeroError as error:
            for one in left:
                if one.or_else is not None:
                    raise one.or_else() from error
            raise

    async def _executed(self, sql: str, values: Mapping[str, Value]) -> int:
        text, sent = bound(sql, values)
        status: str = await self._connection.execute(text, *sent)
        # Such as `UPDATE 3`; what changes no rows says no number.
        count = status.rpartition(" ")[2]
        return int(count) if count.isdecimal() else 0


class PostgresqlDatabase(Database):
    """Some connections; each serves whoever comes.

    Args:
        readers: lends sessions that cannot write.
        writers: lends sessions that can.
        found: the names of the tables that were there when it was opened.
    """

    is_shared = True

    def __init__(self, readers: Lender, writers: Lender, duties: Duties, found: frozenset[str]) -> None:
        self._readers = readers
        self._writers = writers
        self._duties = duties
        self._found = found

    async def holds(self, duty: str) -> bool:
        """Whether this process has a duty."""
        return await self._duties.holds(duty)

    def write(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction; the database hears of it with its first statement."""
        return _Block(self._writers, begins=True)

    async def run(self, change: Statement, look: Statement | None = None) -> tuple[int, Row | None]:
        """Run one statement, which is a transaction to the server, too."""
        if look is None:
            async with _Block(self._writers) as tx:
                return await tx.execute(change.sql, **change.values), None
        text, sent = beside(change, look)
        connection, is_whole = await self._writers.borrow(), False
        try:
            with faults_as_ours():
                rows = await connection.fetch(text, *sent)
            is_whole = True
        finally:
            await self._writers.give_back(connection, is_whole=is_whole)
        return (int(rows[0][0]), tuple(rows[0])[1:]) if rows else (0, None)

    def read(self) -> AbstractAsyncContextManager[Transaction]:
        """Lend a connection on which each statement is by itself."""
        return _Block(self._readers)

    @asynccontextmanager
    async def still(self) -> AsyncIterator[Transaction]:
        """Lock every table against changes; what is being written is waited for."""
        names = ", ".join(table.name for table in await self.tables())
        async with self.write() as tx:
            # Whoever copies what is read here may be at the copy for as long as it takes.
            await tx.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            await tx.execute(f"LOCK TABLE {names} IN SHARE MODE")
            yield tx

    async def tables(self) -> list[Table]:
        """List the tables, but not those that a crash of the database empties."""
        async with self.read() as tx:
            rows = await tx.all(_TABLES)
        return tables_of(rows)

    async def backup(self, path: Path) -> None:
        """Refuse: PostgreSQL has means of its own.

        Raises:
            Misconfigured: says which.
        """
        raise Misconfigured(f"the store is in PostgreSQL: back it up with pg_dump or by its WAL, not into {path.name}")

    async def check(self) -> None:
        """Look whether the server has seen pages whose checksum is wrong."""
        async with self.read() as tx:
            row = await tx.one(_FAULTS)
        if row is not None and row[0]:
            raise Damaged(f"PostgreSQL has read {row[0]} damaged pages of the database; restore it from your backup")

    async def discard(self) -> None:
        """Drop the tables that were not there before."""
        async with self.write() as tx:
            made = [name for (name,) in await tx.all(TABLES) if name not in self._found]
            for name in made:
                # Ours, and quoted by the server; there is no placeholder for a name.
                await tx.execute(f"DROP TABLE {name} CASCADE")

    async def close(self) -> None:
        """Close every connection; who still has one loses it."""
        await self._duties.close()
        for lender in (self._readers, self._writers):
            await lender.close()


class _Block(AbstractAsyncContextManager[Transaction]):
    """A connection for the length of a block, with which ends what the block began."""

    def __init__(self, lender: Lender, *, begins: bool = False) -> None:
        self._lender = lender
        self._begins = begins

    async def __aenter__(self) -> Transaction:
        self._connection = await self._lender.borrow()
        self._tx = PostgresqlTransaction(self._connection, begins=self._begins)
        return self._tx

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        is_whole = False
        try:
            if kind is None:
                await self._tx.commit()
                is_whole = True
        finally:
            await self._lender.give_back(self._connection, is_whole=is_whole)

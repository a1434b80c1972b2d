"""PostgreSQL as a store.

Transactions are READ COMMITTED: each statement sees the newest commit, as in SQLite. What SQLite's single writer
decides without a word, a compare-and-set, a unique index or `hold` decides here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import asyncpg

from ca_core.errors import Damaged, Misconfigured
from ca_core.store.database import Database, Row, Table, Transaction, Value, tables_of
from ca_core.store.postgresql.duties import Duties, lock_number
from ca_core.store.postgresql.faults import faults_as_ours
from ca_core.store.postgresql.lending import Lender
from ca_core.store.postgresql.spelling import bound, bound_each, spelled, statements

TABLES = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema()"
_LONGEST_SCRIPT_SECONDS = 86_400
_UNHURRIED = "SET LOCAL statement_timeout = 0"
_TABLES = (
    "SELECT t.relname, c.attname, COALESCE(array_position(CAST(i.indkey AS smallint[]), c.attnum) + 1, 0)"
    " FROM pg_class t JOIN pg_attribute c ON c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped"
    " LEFT JOIN pg_index i ON i.indrelid = t.oid AND i.indisprimary"
    " WHERE t.relkind = 'r' AND t.relpersistence = 'p' AND t.relnamespace = CAST(current_schema() AS regnamespace)"
    " ORDER BY t.oid, c.attnum"
)
_FAULTS = "SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()"


class PostgresqlTransaction(Transaction):
    """Each call is one round trip, and what goes ahead of the first, BEGIN and holds, is one together."""

    def __init__(self, connection: asyncpg.Connection, *, ahead: Sequence[str] = ()) -> None:
        self._connection = connection
        self._ahead = list(ahead)
        self._is_begun = False

    async def execute(self, sql: str, **values: Value) -> int:
        """Run one statement."""
        text, sent = bound(sql, values)
        with faults_as_ours():
            await self._send_ahead()
            status: str = await self._connection.execute(text, *sent)
        # Such as `UPDATE 3`; what changes no rows says no number.
        count = status.rpartition(" ")[2]
        return int(count) if count.isdecimal() else 0

    async def execute_each(self, sql: str, values: Sequence[dict[str, Value]]) -> None:
        """Run one statement once for each set of values."""
        if not values:
            return
        text, sent = bound_each(sql, values)
        with faults_as_ours():
            await self._send_ahead()
            await self._connection.executemany(text, sent)

    async def all(self, sql: str, **values: Value) -> list[Row]:
        """Return every row."""
        text, sent = bound(sql, values)
        with faults_as_ours():
            await self._send_ahead()
            return [tuple(row) for row in await self._connection.fetch(text, *sent)]

    async def hold(self, *names: str, shared: bool = False) -> None:
        """Take locks that end with the transaction, in one order, so that two holders never wait for each other."""
        lock = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        self._ahead += [f"SELECT {lock}({number})" for number in sorted({lock_number(name) for name in names})]

    async def script(self, sql: str) -> None:
        """Run a migration, which rewrites tables as large as they are."""
        texts = [spelled(statement).text for statement in statements(sql)]
        with faults_as_ours():
            await self._send_ahead()
            await self._connection.execute("; ".join([_UNHURRIED, *texts]), timeout=_LONGEST_SCRIPT_SECONDS)

    async def commit(self) -> None:
        """Make what was done durable."""
        if self._is_begun:
            with faults_as_ours():
                status = await self._connection.execute("COMMIT")
            if status != "COMMIT":
                raise RuntimeError("a statement of this transaction had failed, and it went on")

    async def _send_ahead(self) -> None:
        if self._ahead:
            ahead, self._ahead, self._is_begun = self._ahead, [], True
            await self._connection.execute("; ".join(ahead))


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
        return _Block(self._writers, ahead=("BEGIN",))

    async def run(self, sql: str, **values: Value) -> int:
        """Run one statement, which is a transaction to the server, too."""
        async with _Block(self._writers) as tx:
            return await tx.execute(sql, **values)

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

    def __init__(self, lender: Lender, *, ahead: Sequence[str] = ()) -> None:
        self._lender = lender
        self._ahead = ahead

    async def __aenter__(self) -> Transaction:
        self._connection = await self._lender.borrow()
        self._tx = PostgresqlTransaction(self._connection, ahead=self._ahead)
        return self._tx

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        is_whole = False
        try:
            if kind is None:
                await self._tx.commit()
                is_whole = True
        finally:
            await self._lender.give_back(self._connection, is_whole=is_whole)

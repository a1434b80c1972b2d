"""PostgreSQL as a store.

Transactions are READ COMMITTED: each statement sees the newest commit, as in SQLite. What SQLite's single writer
decides without a word, a compare-and-set, a unique index or `hold` decides here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from psycopg import pq

from ca_core.errors import Damaged, Misconfigured
from ca_core.store.database import Database, Row, Table, Transaction, Value, tables_of
from ca_core.store.postgresql.duties import Duties, lock_number
from ca_core.store.postgresql.link import Bound, Link, bound, rows_of
from ca_core.store.postgresql.pool import Pool
from ca_core.store.postgresql.spelling import statements

TABLES = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema()"
_EACH_AT_ONCE = 500

# A session is read-only until a transaction says otherwise, so that one pool serves readers and writers.
_BEGIN = bound("BEGIN READ WRITE", {})
_COMMIT = bound("COMMIT", {})
_LOCK = "SELECT pg_advisory_xact_lock(:number)"
_SHARED_LOCK = "SELECT pg_advisory_xact_lock_shared(:number)"
# A migration rewrites tables as large as they are.
_UNHURRIED = bound("SET LOCAL statement_timeout = 0", {})
_TABLES = (
    "SELECT t.relname, c.attname, COALESCE(array_position(CAST(i.indkey AS smallint[]), c.attnum) + 1, 0)"
    " FROM pg_class t JOIN pg_attribute c ON c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped"
    " LEFT JOIN pg_index i ON i.indrelid = t.oid AND i.indisprimary"
    " WHERE t.relkind = 'r' AND t.relpersistence = 'p' AND t.relnamespace = CAST(current_schema() AS regnamespace)"
    " ORDER BY t.oid, c.attnum"
)
_FAULTS = "SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()"


class PostgresqlTransaction(Transaction):
    """Each call is one round trip; what needs no answer, BEGIN and holds, travels with the next statement."""

    def __init__(self, link: Link, *, writes: bool) -> None:
        self._link = link
        self._ahead: list[Bound] = [_BEGIN] if writes else []
        self.is_begun = False

    async def execute(self, sql: str, **values: Value) -> int:
        """Run one statement."""
        (result,) = await self._run([bound(sql, values)])
        return result.command_tuples or 0

    async def execute_each(self, sql: str, values: Sequence[dict[str, Value]]) -> None:
        """Run one statement once for each set of values."""
        for first in range(0, len(values), _EACH_AT_ONCE):
            await self._run([bound(sql, each) for each in values[first : first + _EACH_AT_ONCE]])

    async def all(self, sql: str, **values: Value) -> list[Row]:
        """Return every row."""
        (result,) = await self._run([bound(sql, values)])
        return rows_of(result)

    async def hold(self, *names: str, shared: bool = False) -> None:
        """Take locks that end with the transaction, in one order, so that two holders never wait for each other."""
        lock = _SHARED_LOCK if shared else _LOCK
        self._ahead += [bound(lock, {"number": number}) for number in sorted({lock_number(name) for name in names})]

    async def script(self, sql: str) -> None:
        """Run a migration's statements, one by one: which of them failed is said."""
        await self._run([_UNHURRIED])
        for statement in statements(sql):
            await self.execute(statement)

    async def commit(self) -> None:
        """Make what was done durable."""
        if self.is_begun:
            (result,) = await self._run([_COMMIT])
            if result.command_status != b"COMMIT":
                raise RuntimeError("a statement of this transaction had failed, and it went on")
            self.is_begun = False

    async def _run(self, wanted: list[Bound]) -> list[pq.abc.PGresult]:
        ahead, self._ahead = self._ahead, []
        self.is_begun = self.is_begun or _BEGIN in ahead[:1]
        results = await self._link.send([*ahead, *wanted])
        return results[len(ahead) :]


class PostgresqlDatabase(Database):
    """A pool of connections; each serves whoever comes.

    Args:
        found: the names of the tables that were there when it was opened.
    """

    is_shared = True

    def __init__(self, pool: Pool, duties: Duties, found: frozenset[str]) -> None:
        self._pool = pool
        self._duties = duties
        self._found = found

    async def holds(self, duty: str) -> bool:
        """Whether this process has a duty."""
        return await self._duties.holds(duty)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """Open a transaction; the database hears of it with its first statement."""
        async with self._pool.lent(writes=True) as link:
            tx = PostgresqlTransaction(link, writes=True)
            try:
                yield tx
                await tx.commit()
            finally:
                # Also on cancellation: whoever has the connection next must not find half of this one's work.
                link.is_dirty = tx.is_begun

    async def run(self, sql: str, **values: Value) -> int:
        """Run one statement, with the beginning and the end of its transaction, in one round trip."""
        async with self._pool.lent(writes=True) as link:
            link.is_dirty = True
            _, result, ended = await link.send([_BEGIN, bound(sql, values), _COMMIT])
            link.is_dirty = ended.command_status != b"COMMIT"
        return result.command_tuples or 0

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """Lend a connection on which each statement is by itself."""
        async with self._pool.lent(writes=False) as link:
            yield PostgresqlTransaction(link, writes=False)

    @asynccontextmanager
    async def still(self) -> AsyncIterator[Transaction]:
        """Lock every table against changes; what is being written is waited for."""
        names = ", ".join(table.name for table in await self.tables())
        async with self.write() as tx:
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
        """Close every connection."""
        self._duties.close()
        await self._pool.close()

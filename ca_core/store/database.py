"""The store as services see it, whichever database it is.

A service opens `read()` or `write()` and hands the `Transaction` to functions that hold SQL. SQL uses `:names`, and
only what SQLite and PostgreSQL spell alike; what they do not, BLOB and `GROUP_CONCAT(HEX(...), '')`, is for the
database's own file to translate.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeAlias

import msgspec

Value: TypeAlias = str | int | bytes | None
Row: TypeAlias = tuple[Any, ...]


class Table(msgspec.Struct, frozen=True):
    """One table of a schema.

    Attributes:
        key: the columns of its primary key, in order; none for a table of one row.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


class Statement(NamedTuple):
    """A statement and its values."""

    sql: str
    values: Mapping[str, Value]


class Transaction(ABC):
    """What a service hands to the functions that hold SQL.

    Every call may raise StoreUnavailable: the database is locked, full, not writable or away; and Damaged.
    """

    @abstractmethod
    async def execute(self, sql: str, **values: Value) -> int:
        """Run one statement; return how many rows it changed, which decides every compare-and-set."""

    @abstractmethod
    async def execute_each(self, sql: str, values: Sequence[dict[str, Value]]) -> None:
        """Run one statement once for each set of values, in one hop."""

    async def execute_at_length(self, sql: str, **values: Value) -> int:
        """As `execute`, for a statement that changes rows without number, or bytes by the megabyte.

        Where the short ones run on the event loop, this one does not.
        """
        return await self.execute(sql, **values)

    async def later(self, sql: str, *, or_else: Callable[[], Exception] | None = None, **values: Value) -> None:
        """Change something by the end of the transaction.

        Where each statement is a journey to a server, those that are left for later travel together: none of them sees
        what another one changes, and no two may change the same row. Whatever else is run sees all that were before it.

        Args:
            or_else: makes what is raised when no row was changed, here or wherever that is found out; it must end the
                transaction.
        """
        if await self.execute(sql, **values) == 0 and or_else is not None:
            raise or_else()

    async def later_each(self, sql: str, values: Sequence[dict[str, Value]]) -> None:
        """As `later`, once for each set of values."""
        await self.execute_each(sql, values)

    async def execute_beside(self, sql: str, **values: Value) -> int:
        """As `execute`, together with what was left for later, of which it need not see anything."""
        return await self.execute(sql, **values)

    @abstractmethod
    async def all(self, sql: str, **values: Value) -> list[Row]:
        """Return every row of a query, or of a statement with RETURNING."""

    async def one(self, sql: str, **values: Value) -> Row | None:
        """Return the first row, or None."""
        rows = await self.all(sql, **values)
        return rows[0] if rows else None

    @abstractmethod
    async def hold(self, *names: str, shared: bool = False) -> None:
        """Hold what names stand for until the transaction ends: of two that hold the same, the second waits.

        It comes before the first look at what another transaction may change between that look and our change, where
        no compare-and-set decides. Names are `noun:id`, as in `registration:01J…`; `ca_core.store.holds` has them all,
        in the order in which they are taken.

        Args:
            shared: do not wait for others that hold it shared; whoever changes it holds it alone.
        """

    @abstractmethod
    async def script(self, sql: str) -> None:
        """Run a migration's statements within this transaction."""


Claim = Callable[[Transaction], Awaitable[None]]
"""What a caller has decided in the transaction of the service that it calls; it raises its refusal."""


class Database(ABC):
    """A store that is open.

    Attributes:
        is_shared: whether several processes, on several machines perhaps, may serve from it at a time.
    """

    is_shared: ClassVar[bool]

    @abstractmethod
    async def holds(self, duty: str) -> bool:
        """Whether this process has a duty that one process of all is to have; it takes what nobody has.

        It has it until it ends, or is cut off from the store; then another one that asks gets it. For a moment two may
        believe that they have it, so that a duty spares work and protects nothing.

        Raises:
            StoreUnavailable: the store is away.
        """

    @abstractmethod
    def write(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction that commits at the end of the block, or leaves no trace when it raises.

        It must not wait for a network or a token inside.

        Raises:
            StoreUnavailable: the database is locked, full, not writable or away.
        """

    async def run(self, change: Statement, look: Statement | None = None) -> tuple[int, Row | None]:
        """Run one statement as a transaction of its own, and one that looks and sees nothing of it, in one journey.

        Returns:
            how many rows were changed, and the first row that was found; where there is none, the number says nothing.

        Raises:
            StoreUnavailable: as `write`.
        """
        async with self.write() as tx:
            changed = await tx.execute(change.sql, **change.values)
        if look is None:
            return changed, None
        async with self.read() as tx:
            return changed, await tx.one(look.sql, **look.values)

    @abstractmethod
    def read(self) -> AbstractAsyncContextManager[Transaction]:
        """Lend a reading connection; each statement sees the newest commit, and none can write."""

    @abstractmethod
    def still(self) -> AbstractAsyncContextManager[Transaction]:
        """Lend a transaction that only reads, during which nobody writes."""

    @abstractmethod
    async def tables(self) -> list[Table]:
        """Every table whose rows outlive a crash, in the order in which they were made: none refers to a later one."""

    @abstractmethod
    async def backup(self, path: Path) -> None:
        """Write a consistent copy of the whole database to a new file, while the server goes on."""

    @abstractmethod
    async def check(self) -> None:
        """Look whether the database is sound, while the server goes on.

        Raises:
            Damaged: says what was found first.
            StoreUnavailable: the database cannot be read now.
        """

    @abstractmethod
    async def discard(self) -> None:
        """Remove what was stored since this was opened with `create`: the home that it is of is not going to be."""

    @abstractmethod
    async def close(self) -> None:
        """Close every connection."""


def tables_of(rows: Sequence[Row]) -> list[Table]:
    """Put together rows of a table's name, a column's, and its place in the primary key, which is 0 for none."""
    tables: dict[str, list[tuple[str, int]]] = {}
    for table, column, place in rows:
        tables.setdefault(table, []).append((column, place))
    return [_table(name, columns) for name, columns in tables.items()]


def _table(name: str, columns: Sequence[tuple[str, int]]) -> Table:
    key = [column for column, place in sorted(columns, key=lambda one: one[1]) if place]
    return Table(name, tuple(column for column, _ in columns), tuple(key))

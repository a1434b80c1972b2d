"""Carrying every row of one store into another, of whichever kind, and proving that they are the same."""

# ruff: noqa: S608  # tables and columns are the schema's own words, and values are bound

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from ca_core.errors import Misconfigured
from ca_core.store.database import Database, Row, Table, Transaction, Value

_FIRST_ROWS = 8
_MOST_ROWS = 500
_PAGE_OCTETS = 4 << 20


class Content(msgspec.Struct, frozen=True):
    """What is in one table.

    Attributes:
        digest: hex SHA-256 of all rows in the order of their keys.
    """

    table: str
    rows: int
    digest: str


async def tables_to_move(source: Database, target: Database) -> list[Table]:
    """What both stores keep through a crash, those first that others refer to.

    Raises:
        Misconfigured: the stores are not of one version.
    """
    if await _version(source) != await _version(target):
        raise Misconfigured("the two stores are not of one version; run soapstone migrate on each, and try again")
    there = {table.name for table in await target.tables()}
    return [table for table in await source.tables() if table.name in there]


async def _version(database: Database) -> list[Row]:
    async with database.read() as tx:
        return await tx.all("SELECT component, number, digest FROM migrations ORDER BY component, number")


async def move(
    source: Transaction, target: Transaction, tables: Sequence[Table], *, tell: Callable[[Content], None]
) -> list[Content]:
    """Empty the target's tables and fill them; what is done is told table by table."""
    for table in reversed(tables):
        await target.execute(f"DELETE FROM {table.name}")
    moved = []
    for table in tables:
        columns = ", ".join(table.columns)
        insert = f"INSERT INTO {table.name} ({columns}) VALUES ({', '.join(f':{name}' for name in table.columns)})"
        tally = _Tally(table.name)
        async for page in _pages(source, table):
            tally.count(page)
            await target.execute_each(insert, [dict(zip(table.columns, row, strict=True)) for row in page])
        moved.append(tally.content())
        tell(moved[-1])
    return moved


async def contents(tx: Transaction, tables: Sequence[Table]) -> list[Content]:
    """Read everything, and say what it is."""
    found = []
    for table in tables:
        tally = _Tally(table.name)
        async for page in _pages(tx, table):
            tally.count(page)
        found.append(tally.content())
    return found


class _Tally:
    def __init__(self, table: str) -> None:
        self._table = table
        self._rows = 0
        self._hash = hashlib.sha256()

    def count(self, page: Sequence[Row]) -> None:
        self._rows += len(page)
        for row in page:
            self._hash.update(msgspec.msgpack.encode(row))

    def content(self) -> Content:
        return Content(self._table, self._rows, self._hash.hexdigest())


async def _pages(tx: Transaction, table: Table) -> AsyncIterator[list[Row]]:
    """Every row by the order of the key, in pages of a few megabytes: one part of a CRL may have a whole one."""
    select = f"SELECT {', '.join(table.columns)} FROM {table.name}"
    if not table.key:
        yield await tx.all(select)
        return
    order = ", ".join(table.key)
    after = ", ".join(f":{name}" for name in table.key)
    most, where, last = _FIRST_ROWS, "", dict[str, Value]()
    while page := await tx.all(f"{select} {where} ORDER BY {order} LIMIT :most", most=most, **last):
        yield page
        newest = dict(zip(table.columns, page[-1], strict=True))
        where, last = f"WHERE ({order}) > ({after})", {name: newest[name] for name in table.key}
        most = max(1, min(_MOST_ROWS, 2 * most, most * _PAGE_OCTETS // _octets(page)))


def _octets(page: Sequence[Row]) -> int:
    return 1 + sum(len(value) for row in page for value in row if isinstance(value, str | bytes))

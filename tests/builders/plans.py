"""How a database goes about a statement: over which tables it walks, and what it finds by which index.

SQLite chooses by what indexes there are, PostgreSQL by how much there is, too, and a test has a handful of rows: told
to go by an index where it can, it shows for which statements it cannot.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from ca_core.store.database import Database, Row, Value
from ca_core.store.opening import POSTGRESQL
from ca_core.store.sqlite import SqliteDatabase
from conformance import postgresql, stores

_OF_SQLITE = re.compile(r"(?P<how>SCAN|SEARCH) (?P<name>[\w-]+)(?: .*?INDEX (?P<index>\w+))?(?: \((?P<by>.*)\))?")
_STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE)\b")
_BY_INDEX = "enable_seqscan = off"
# Sessions that begin with these write the plan of all that they run into the server's log.
_TELLING = (
    "session_preload_libraries = 'auto_explain'",
    "auto_explain.log_min_duration = 0",
    "auto_explain.log_format = 'json'",
    _BY_INDEX,
)
_TOLD = re.compile(r" plan:\n((?:\t.*\n)+)")


class Step(msgspec.Struct, frozen=True):
    """How one table is come by.

    Attributes:
        name: the table's, as the statement calls it.
        index: None where the table itself is read, or found by its row's number.
        by: what the index is asked for; empty for one who walks from the first row to the last.
    """

    name: str
    index: str | None
    by: str

    @property
    def is_walk(self) -> bool:
        return not self.by


class Run(msgspec.Struct, frozen=True):
    """A statement that was run, and its steps."""

    statement: str
    steps: list[Step]


async def plan(database: Database, sql: str, **values: Value) -> list[Step]:
    """The steps that a database takes for a statement, which it does not run."""
    if isinstance(database, SqliteDatabase):
        async with database.read() as tx:
            return _of_sqlite(await tx.all(f"EXPLAIN QUERY PLAN {sql}", **values))
    async with database.write() as tx:
        await tx.execute(f"SET LOCAL {_BY_INDEX}")
        ((told,),) = await tx.all(f"EXPLAIN (FORMAT JSON) {sql}", **values)
    (tree,) = json.loads(told)
    return list(_of_postgresql(tree["Plan"]))


def tell(url: str) -> None:
    """Have a store that nobody has opened yet tell `heard` what it does."""
    if url.startswith(POSTGRESQL):
        cluster = postgresql.of_this_run()
        for setting in _TELLING:
            cluster.run(f"ALTER DATABASE {stores.name(url)} SET {setting}")


@asynccontextmanager
async def heard(database: Database) -> AsyncIterator[list[Run]]:
    """What is run in the block, each statement once at least; filled at its end."""
    found: list[Run] = []
    if isinstance(database, SqliteDatabase):
        texts: set[str] = set()
        for connection in database.connections:
            connection.set_trace_callback(texts.add)
        yield found
        ran = sorted(one for one in texts if _STATEMENT.match(one))
        found += [Run(statement, await plan(database, statement)) for statement in ran]
        return
    log = postgresql.of_this_run().log
    before = log.stat().st_size
    yield found
    told = [json.loads(one) for one in _TOLD.findall(log.read_bytes()[before:].decode())]
    found += [Run(one["Query Text"], list(_of_postgresql(one["Plan"]))) for one in told]


def _of_sqlite(rows: list[Row]) -> list[Step]:
    found = [step for row in rows if (step := _OF_SQLITE.match(row[-1]))]
    return [Step(step["name"], step["index"], (step["by"] or "") if step["how"] == "SEARCH" else "") for step in found]


def _of_postgresql(node: dict[str, Any]) -> Iterator[Step]:
    """What a node reads, and those below it."""
    if node["Node Type"] == "Bitmap Heap Scan":
        # The bitmaps below say by which index.
        yield from (Step(node["Alias"], one["Index Name"], one.get("Index Cond", "")) for one in _bitmaps(node))
        return
    if "Relation Name" in node and node["Node Type"] != "ModifyTable":
        yield Step(node["Alias"], node.get("Index Name"), node.get("Index Cond", node.get("TID Cond", "")))
    for one in node.get("Plans", []):
        yield from _of_postgresql(one)


def _bitmaps(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for one in node.get("Plans", []):
        if "Index Name" in one:
            yield one
        yield from _bitmaps(one)

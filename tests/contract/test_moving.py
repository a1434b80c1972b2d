"""What one database holds, another one can hold as well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ca_core.errors import Misconfigured
from ca_core.store import authorities, statuses, work
from ca_core.store.authorities import Row
from ca_core.store.database import Database, Transaction
from ca_core.store.migrate import Migration, migrate
from ca_core.store.moving import Content, contents, move, tables_to_move
from conformance.stores import KINDS
from server.office import migrations
from tests.builders.store import Stores, stores_of

TIMES = 700


@pytest.fixture(params=KINDS)
async def other(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """A second store, of each kind in turn."""
    (tmp_path / "other").mkdir()
    async with stores_of(request.param, request, tmp_path / "other") as made:
        yield await made.open()


async def fill(tx: Transaction) -> None:
    """Octets of all values, no value at all, text beyond ASCII, great numbers, references, more rows than a page."""
    odd = Row("größer", "線", "root", "file:x", bytes(range(256)) * 9_000, None, signs_from=1 << 61)
    await authorities.insert(tx, odd, now=0)
    for number in range(TIMES):
        await work.add(tx, "kind", f"subject {number}", now=number)
    await statuses.mark_changed(tx, "aa", now=5)


async def carried(source: Database, target: Database) -> list[Content]:
    tables = await tables_to_move(source, target)
    async with source.still() as old, target.write() as new:
        return await move(old, new, tables, tell=lambda _: None)


async def found(database: Database) -> list[Content]:
    tables = await database.tables()
    async with database.read() as tx:
        return await contents(tx, tables)


def assert_found(moved: list[Content], there: list[Content]) -> None:
    """Also where the other database has tables that it does not keep through a crash, with nothing in them."""
    contents_of = {one.table: one for one in there}
    assert [contents_of.pop(one.table) for one in moved] == moved
    assert [one.rows for one in contents_of.values() if one.rows] == []


async def test_what_was_moved_is_the_same(database: Database, other: Database) -> None:
    async with database.write() as tx:
        await fill(tx)

    moved = await carried(database, other)

    assert_found(moved, await found(other))
    assert {one.table: one.rows for one in moved}["work"] == TIMES


async def test_what_was_there_is_replaced(database: Database, other: Database) -> None:
    async with other.write() as tx:
        await fill(tx)

    moved = await carried(database, other)

    assert {one.table: one.rows for one in moved}["work"] == 0
    assert_found(moved, await found(other))


async def test_no_table_refers_to_a_later_one(database: Database) -> None:
    names = [table.name for table in await database.tables()]

    assert names.index("registrations") < names.index("certificates") < names.index("revocation_requests")
    assert names.index("acme_orders") < names.index("acme_order_authorizations")


async def test_every_table_with_more_than_one_row_has_a_key(database: Database) -> None:
    assert {table.name for table in await database.tables() if not table.key} == {"status_counter", "request_numbers"}


async def test_stores_of_two_versions_are_not_mixed(database: Database, other: Database) -> None:
    extra = Migration("extra", 1, "one", "CREATE TABLE extra (a BIGINT NOT NULL PRIMARY KEY);", "d")
    await migrate(other, [*migrations(), extra], now=1)

    with pytest.raises(Misconfigured, match="not of one version"):
        await tables_to_move(database, other)


async def test_nobody_writes_while_it_is_still(stores: Stores) -> None:
    one, another = await stores.open(), await stores.open()
    written = asyncio.Event()

    async def write() -> None:
        async with another.write() as tx:
            await work.add(tx, "kind", "subject", now=0)
        written.set()

    async with one.still() as tx:
        writing = asyncio.create_task(write())
        await asyncio.sleep(0.2)
        assert not written.is_set()
        assert await tx.one("SELECT 1 FROM work") is None

    await writing

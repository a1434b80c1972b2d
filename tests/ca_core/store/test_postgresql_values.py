"""How values go to PostgreSQL and come back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ca_core.errors import StoreUnavailable
from ca_core.store.database import Database, Value
from ca_core.store.opening import open_database
from ca_core.store.postgresql.spelling import bound, bound_each
from conformance.postgresql import Cluster

INSERT = "INSERT INTO things (id, text, octets) VALUES (:id, :text, :octets)"


@pytest.fixture
async def database(cluster: Cluster) -> AsyncIterator[Database]:
    name = cluster.make()
    made = await open_database(cluster.url(name), Path(), create=True)
    async with made.write() as tx:
        await tx.script(
            "-- What it is about: :nothing; really.\n"
            "CREATE TABLE things (id BIGINT PRIMARY KEY, text TEXT, octets BLOB, small SMALLINT);\n"
            "CREATE INDEX things_text ON things (text);\n"
        )
    yield made
    await made.close()
    cluster.drop(name)


async def everything(database: Database) -> list[tuple[Value, ...]]:
    async with database.read() as tx:
        return await tx.all("SELECT id, text, octets FROM things ORDER BY id")


def test_a_value_says_its_type_wherever_it_stands() -> None:
    text, sent = bound("SELECT :a, ':a', x FROM t WHERE b > :b AND c = :a -- :c", {"b": 5, "a": "A", "z": None})

    assert text == "SELECT $1::TEXT, ':a', x FROM t WHERE b > $2::BIGINT AND c = $1::TEXT -- :c"
    assert sent == ["A", 5]


def test_one_statement_serves_sets_in_which_the_same_is_none_here_and_there() -> None:
    text, sent = bound_each(
        "INSERT INTO t VALUES (:a, :b, :c)", [{"a": 1, "b": None, "c": None}, {"a": None, "b": b"b", "c": None}]
    )

    assert text == "INSERT INTO t VALUES ($1::BIGINT, $2::BYTEA, $3)"
    assert sent == [[1, None, None], [None, b"b", None]]


async def test_a_whole_number_is_as_wide_as_64_bits_wherever_it_stands(database: Database) -> None:
    widest = (1 << 63) - 1
    async with database.read() as tx:
        assert await tx.one("SELECT :number, 1 + :other", number=widest, other=1 << 40) == (widest, 1 + (1 << 40))
        assert (
            await tx.all("SELECT id FROM things WHERE small = :number LIMIT :most", number=1 << 40, most=1 << 40) == []
        )


async def test_values_come_back_as_they_went(database: Database) -> None:
    values: list[dict[str, Value]] = [
        {"id": -1, "text": "", "octets": b""},
        {"id": 0, "text": None, "octets": None},
        {"id": 1, "text": "é\U0001f512'\\", "octets": bytes(range(256))},
    ]
    async with database.write() as tx:
        await tx.execute_each(INSERT, values)
        await tx.execute_each(INSERT, [])

    found = await everything(database)

    assert found == [tuple(each.values()) for each in values]
    assert all(type(row) is tuple for row in found)


async def test_of_many_either_all_are_stored_or_none(database: Database) -> None:
    many: list[dict[str, Value]] = [{"id": number, "text": "x" * 1000, "octets": None} for number in range(2000)]
    async with database.write() as tx:
        await tx.execute_each(INSERT, many)

    assert len(await everything(database)) == 2000


async def test_how_many_rows_a_statement_changed_is_told(database: Database) -> None:
    async with database.write() as tx:
        await tx.execute_each(INSERT, [{"id": number, "text": "x", "octets": None} for number in range(3)])

        assert await tx.execute("UPDATE things SET text = :text WHERE id > :id", text="y", id=0) == 2
        assert await tx.execute("UPDATE things SET text = 'z' WHERE id = 9") == 0
        assert await tx.execute(f"{INSERT} ON CONFLICT DO NOTHING", id=0, text="x", octets=None) == 0
        assert await tx.execute("DELETE FROM things") == 3
        assert await tx.execute("CREATE TABLE more (a BIGINT)") == 0


async def test_text_is_in_the_order_of_its_octets(database: Database) -> None:
    async with database.write() as tx:
        await tx.execute_each(INSERT, [{"id": n, "text": text, "octets": None} for n, text in enumerate("aBéZ")])

        assert [text for (text,) in await tx.all("SELECT text FROM things ORDER BY text")] == ["B", "Z", "a", "é"]


async def test_a_reader_sees_a_table_that_was_changed_meanwhile(database: Database) -> None:
    async with database.read() as tx:
        before = await tx.all("SELECT * FROM things WHERE id < :id", id=5)
        async with database.write() as other:
            await other.script("ALTER TABLE things ADD COLUMN more TEXT; INSERT INTO things (id) VALUES (1)")

        assert (before, await tx.all("SELECT * FROM things WHERE id < :id", id=5)) == (
            [],
            [(1, None, None, None, None)],
        )


async def test_a_transaction_that_has_an_old_plan_is_to_be_tried_again(database: Database) -> None:
    async def look() -> int:
        async with database.write() as tx:
            return len((await tx.all("SELECT * FROM things"))[0])

    async with database.write() as tx:
        await tx.execute("INSERT INTO things (id) VALUES (1)")
    assert await look() == 4
    async with database.write() as tx:
        await tx.script("ALTER TABLE things ADD COLUMN more TEXT")

    with pytest.raises(StoreUnavailable):
        await look()

    assert await look() == 5

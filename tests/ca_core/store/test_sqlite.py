"""What only SQLite does: blocks share a commit, and statements run on the event loop while they are short."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from ca_core.errors import StoreUnavailable, WrongState
from ca_core.store import sqlite_writing
from ca_core.store.database import Transaction, Value
from ca_core.store.opening import open_database
from ca_core.store.sqlite import SqliteDatabase
from ca_core.store.sqlite_lines import open_line
from ca_core.store.sqlite_writing import Writer

FILE = "store.db"
_INSERT = "INSERT INTO notes (text) VALUES (:text)"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    opened = await open_database(f"sqlite:{FILE}", tmp_path, create=True)
    assert isinstance(opened, SqliteDatabase)
    async with opened.write() as tx:
        await tx.execute("CREATE TABLE notes (text TEXT PRIMARY KEY)")
    yield opened
    await opened.close()


def stored(path: Path) -> set[str]:
    """What another process finds on the disk."""
    connection = sqlite3.connect(path / FILE)
    try:
        return {text for (text,) in connection.execute("SELECT text FROM notes")}
    finally:
        connection.close()


async def write(database: SqliteDatabase, *texts: str, refuses: bool = False) -> None:
    async with database.write() as tx:
        for text in texts:
            await tx.execute(_INSERT, text=text)
            await asyncio.sleep(0)
        if refuses:
            raise WrongState("no")


async def lateness(ran: asyncio.Task[None], clock: Callable[[], float] = time.perf_counter) -> float:
    """For how long, in seconds of a clock, the event loop was at one thing at most while a task ran."""
    latest, before = 0.0, clock()
    while not ran.done():
        await asyncio.sleep(0.001)
        now = clock()
        latest, before = max(latest, now - before), now
    return latest


def commits(database: SqliteDatabase) -> list[str]:
    """A list that every COMMIT from now on is added to."""
    found: list[str] = []

    def see(sql: str) -> None:
        if sql == "COMMIT":
            found.append(sql)

    database.connections[0].set_trace_callback(see)
    return found


async def test_a_hundred_blocks_share_few_commits(database: SqliteDatabase, tmp_path: Path) -> None:
    found = commits(database)

    await asyncio.gather(*(write(database, f"{number}") for number in range(100)))

    assert len(found) <= 3
    assert len(stored(tmp_path)) == 100


async def test_whoever_is_told_of_success_finds_it_on_the_disk(database: SqliteDatabase, tmp_path: Path) -> None:
    async def write_and_look(text: str) -> bool:
        await write(database, text)
        return text in stored(tmp_path)

    found = await asyncio.gather(*(write_and_look(f"{number}") for number in range(20)))

    assert all(found)


async def test_blocks_that_fail_among_good_ones_take_nobody_with_them(database: SqliteDatabase, tmp_path: Path) -> None:
    outcomes = await asyncio.gather(
        *(write(database, f"{number}", f"{number}b", refuses=number % 3 == 0) for number in range(12)),
        return_exceptions=True,
    )

    assert [isinstance(outcome, WrongState) for outcome in outcomes] == [number % 3 == 0 for number in range(12)]
    assert stored(tmp_path) == {f"{number}{rest}" for number in range(12) if number % 3 for rest in ("", "b")}


@pytest.mark.parametrize("steps", range(40))
async def test_a_block_that_is_cancelled_among_good_ones_is_stored_whole_or_not_at_all(
    database: SqliteDatabase, tmp_path: Path, steps: int
) -> None:
    before, cancelled, after = (
        asyncio.create_task(write(database, *texts)) for texts in (("a", "b"), ("c", "d"), ("e", "f"))
    )
    for _ in range(steps):
        await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.gather(before, after)
    outcome = (await asyncio.gather(cancelled, return_exceptions=True))[0]

    await write(database, "g")
    whole = {"a", "b", "c", "d", "e", "f", "g"}
    if outcome is None:
        assert stored(tmp_path) == whole
    else:
        assert isinstance(outcome, asyncio.CancelledError)
        assert stored(tmp_path) in (whole, whole - {"c", "d"})


async def test_a_full_disk_is_told_to_the_whole_group_and_nothing_of_it_is_stored(
    database: SqliteDatabase, tmp_path: Path
) -> None:
    connection = database.connections[0]
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 3}")

    outcomes = await asyncio.gather(
        write(database, "a"), write(database, "x" * 100_000), write(database, "b"), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes[:2]] == [StoreUnavailable, StoreUnavailable]
    # It came after that, and begins a group of its own.
    assert outcomes[2] is None
    assert stored(tmp_path) == {"b"}
    connection.execute("PRAGMA max_page_count = 1000000")
    await write(database, "a", "x" * 100_000)
    assert len(stored(tmp_path)) == 3


async def test_a_block_that_goes_on_after_a_full_disk_stores_nothing(database: SqliteDatabase, tmp_path: Path) -> None:
    connection = database.connections[0]
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 3}")

    async def swallow(tx: Transaction, text: str) -> None:
        with pytest.raises(StoreUnavailable):
            await tx.execute(_INSERT, text=text)

    async def go_on() -> None:
        async with database.write() as tx:
            await swallow(tx, "x" * 100_000)
            await swallow(tx, "a")

    with pytest.raises(StoreUnavailable):
        await go_on()

    assert stored(tmp_path) == set()


async def test_a_commit_that_fails_is_told_to_the_whole_group(database: SqliteDatabase, tmp_path: Path) -> None:
    async with database.write() as tx:
        await tx.script(
            "CREATE TABLE one (a BIGINT PRIMARY KEY);\n"
            "CREATE TABLE other (a BIGINT REFERENCES one (a) DEFERRABLE INITIALLY DEFERRED);\n"
        )

    async def refer_to_nothing() -> None:
        async with database.write() as tx:
            await tx.execute("INSERT INTO other (a) VALUES (1)")

    outcomes = await asyncio.gather(
        write(database, "a"), refer_to_nothing(), write(database, "b"), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [sqlite3.IntegrityError] * 3
    assert stored(tmp_path) == set()
    await write(database, "c")
    assert stored(tmp_path) == {"c"}


async def test_a_refusal_waits_until_what_it_stands_on_is_stored(database: SqliteDatabase, tmp_path: Path) -> None:
    async def refuse_what_is_there() -> set[str]:
        try:
            async with database.write() as tx:
                if await tx.one("SELECT 1 FROM notes WHERE text = 'a'"):
                    raise WrongState("no")
        except WrongState:
            return stored(tmp_path)
        return set()

    _, seen = await asyncio.gather(write(database, "a"), refuse_what_is_there())

    assert seen == {"a"}


async def test_readers_see_nothing_of_a_group_before_it_is_stored(database: SqliteDatabase) -> None:
    async def look() -> tuple[int, int]:
        async with database.write() as tx, database.read() as reader:
            inside = await tx.all("SELECT text FROM notes")
            outside = await reader.all("SELECT text FROM notes")
        return len(inside), len(outside)

    _, seen = await asyncio.gather(write(database, "a"), look())

    assert seen == (1, 0)


async def test_while_another_process_writes_the_event_loop_goes_on(database: SqliteDatabase, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(write(database, "a"))
    asyncio.get_running_loop().call_later(0.2, other.rollback)

    late = await lateness(writing)

    assert late < 0.1
    assert stored(tmp_path) == {"a"}
    other.close()


async def test_another_process_that_writes_for_too_long_is_not_waited_for(
    database: SqliteDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_writing, "_BUSY_SECONDS", 0.05)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreUnavailable):
        await write(database, "a")

    other.close()
    await write(database, "b")
    assert stored(tmp_path) == {"b"}


_LONG = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT MAX(i) FROM n"


@pytest.mark.parametrize("is_writing", [True, False])
async def test_a_long_read_leaves_the_event_loop_to_others(database: SqliteDatabase, *, is_writing: bool) -> None:
    found = []

    async def read() -> None:
        async with database.write() if is_writing else database.read() as tx:
            found.extend(await tx.all(_LONG))

    # What this thread computes itself: for a core, all of a busy machine's threads wait.
    late = await lateness(asyncio.create_task(read()), time.thread_time)

    assert found == [(1_000_000,)]
    assert late < 0.02


async def test_a_block_of_many_short_statements_leaves_the_event_loop_to_others(database: SqliteDatabase) -> None:
    async def write_many() -> None:
        async with database.write() as tx:
            for number in range(20_000):
                await tx.execute(_INSERT, text=f"{number}")

    assert await lateness(asyncio.create_task(write_many())) < 0.1


async def test_many_rows_of_one_statement_leave_the_event_loop_to_others(
    database: SqliteDatabase, tmp_path: Path
) -> None:
    rows: list[dict[str, Value]] = [{"text": f"{number}"} for number in range(50_000)]

    async def write_many() -> None:
        async with database.write() as tx:
            await tx.execute_each(_INSERT, rows)
            assert await tx.execute_at_length("DELETE FROM notes WHERE text > '1'") > 0

    # What this thread computes itself, as above.
    assert await lateness(asyncio.create_task(write_many()), time.thread_time) < 0.1
    assert stored(tmp_path) == {"0", "1"}


async def test_what_was_begun_is_stored_before_the_store_closes(tmp_path: Path) -> None:
    opened = await open_database(f"sqlite:{FILE}", tmp_path, create=True)
    assert isinstance(opened, SqliteDatabase)
    async with opened.write() as tx:
        await tx.execute("CREATE TABLE notes (text TEXT PRIMARY KEY)")
    writing = asyncio.create_task(write(opened, "a"))
    await asyncio.sleep(0)

    await opened.close()

    await writing
    assert stored(tmp_path) == {"a"}


@pytest.mark.parametrize("loses_thread", [False, True])
async def test_whoever_loses_the_connection_is_told_so_with_the_whole_group(
    tmp_path: Path, *, loses_thread: bool
) -> None:
    """Whatever is raised then, and by whom."""
    line = await open_line(tmp_path / "lost.db", read_only=False, waits=False)
    writer = Writer(line)
    async with writer.block() as tx:
        await tx.execute("CREATE TABLE notes (text TEXT)")

    async def write(*, last: bool) -> None:
        async with writer.block() as tx:
            await tx.execute("INSERT INTO notes (text) VALUES ('a')")
            if last and loses_thread:
                stopped = line.thread.stop()
                assert stopped is not None
                await stopped
            elif last:
                line.connection.close()

    async with asyncio.timeout(10):
        together = asyncio.gather(write(last=False), write(last=True), return_exceptions=True)
        outcomes = [*await together, *await asyncio.gather(write(last=False), return_exceptions=True)]

    assert all(isinstance(outcome, Exception) for outcome in outcomes), outcomes
    await line.thread.close()

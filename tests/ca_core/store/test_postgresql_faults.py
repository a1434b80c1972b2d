"""What goes wrong with PostgreSQL, and that the store goes on when it is over."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from ca_core.errors import BadRequest, Damaged, Misconfigured, StoreUnavailable
from ca_core.store.database import Database, Statement, Transaction, Value
from ca_core.store.opening import open_database
from ca_core.store.postgresql import duties, lending, opening
from conformance.postgresql import Cluster

MOST = 4
EACH = MOST // 2
INSERT = "INSERT INTO counts (name, number) VALUES (:name, :number)"
_SESSIONS = "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture
async def name(cluster: Cluster) -> AsyncIterator[str]:
    made = cluster.make()
    cluster.run("CREATE TABLE counts (name TEXT PRIMARY KEY, number BIGINT)", made)
    cluster.run("INSERT INTO counts VALUES ('a', 1), ('b', 2)", made)
    yield made
    cluster.drop(made)


@pytest.fixture
async def database(cluster: Cluster, name: str) -> AsyncIterator[Database]:
    made = await open_database(cluster.url(name), Path(), create=True, connections=MOST)
    yield made
    await made.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lending, "_WAIT_SECONDS", 0.5)
    monkeypatch.setattr(duties, "_SILENCE_SECONDS", 0.5)
    monkeypatch.setitem(opening._CONNECTING, "command_timeout", 0.5)


async def run(database: Database, sql: str, **values: Value) -> int:
    changed, _ = await database.run(Statement(sql, values))
    return changed


async def number_of(database: Database, name: str) -> int | None:
    async with database.read() as tx:
        row = await tx.one("SELECT number FROM counts WHERE name = :name", name=name)
    return None if row is None else int(row[0])


async def add(database: Database, name: str, number: int = 1) -> None:
    async with database.write() as tx:
        await tx.execute(INSERT, name=name, number=number)


async def pid_of(tx: Transaction) -> int:
    return int((await tx.all("SELECT pg_backend_pid()"))[0][0])


def sessions(cluster: Cluster, name: str) -> list[str]:
    """What each of our connections is doing."""
    return [state for (state,) in cluster.run(_SESSIONS, name)]


async def nothing_is_left_open(cluster: Cluster, name: str) -> None:
    """Neither a transaction nor a lock, once everybody has gone."""
    for _ in range(200):
        locks = cluster.run("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'")
        if not locks and "idle in transaction" not in sessions(cluster, name):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("a transaction or a lock is left")


@contextmanager
def silent(pid: int) -> Iterator[None]:
    """A server process that says nothing, as one whose machine is gone."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("code", ["08006", "40001", "40P01", "53100", "53200", "55P03", "57014", "57P01", "58030"])
async def test_what_passes_is_to_be_tried_again(database: Database, code: str) -> None:
    with pytest.raises(StoreUnavailable) as refused:
        async with database.write() as tx:
            await tx.execute(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$")

    assert refused.value.retry_after_seconds == 2
    assert await number_of(database, "a") == 1


@pytest.mark.parametrize(("code", "kind"), [("XX001", Damaged), ("58P01", Damaged), ("42501", Misconfigured)])
async def test_what_does_not_pass_is_said(database: Database, code: str, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="this page"):
        async with database.write() as tx:
            await tx.execute(f"DO $$ BEGIN RAISE EXCEPTION 'this page' USING ERRCODE = '{code}'; END $$")


async def test_a_character_that_no_text_can_hold_is_its_senders(database: Database) -> None:
    with pytest.raises(BadRequest):
        await add(database, "a\0b")


async def test_a_mistake_in_our_sql_stays_one(database: Database) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        async with database.read() as tx:
            await tx.all("SELECT 1 FROM nothing")


async def test_two_statements_at_once_in_one_transaction_are_our_mistake(database: Database) -> None:
    async with database.read() as tx:
        outcomes = await asyncio.gather(*(tx.all("SELECT pg_sleep(0.05)") for _ in range(2)), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [list, asyncpg.InterfaceError]


async def test_one_statement_by_itself_is_stored_or_says_why_not(database: Database) -> None:
    assert await run(database, INSERT, name="c", number=3) == 1
    assert await run(database, f"{INSERT} ON CONFLICT DO NOTHING", name="c", number=4) == 0

    with pytest.raises(StoreUnavailable):
        await run(database, "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '53100'; END $$")
    assert await number_of(database, "c") == 3


async def test_a_failure_that_was_passed_over_is_not_taken_for_stored(database: Database) -> None:
    async def pass_over() -> None:
        async with database.write() as tx:
            await tx.execute(INSERT, name="c", number=1)
            with pytest.raises(asyncpg.UniqueViolationError):
                await tx.execute(INSERT, name="c", number=1)

    with pytest.raises(RuntimeError, match="had failed"):
        await pass_over()

    assert await number_of(database, "c") is None


async def test_of_two_that_wait_for_each_other_one_goes_on(cluster: Cluster, name: str, database: Database) -> None:
    both = asyncio.Barrier(2)

    async def change(*names: str) -> None:
        async with database.write() as tx:
            await tx.execute("UPDATE counts SET number = 9 WHERE name = :name", name=names[0])
            await both.wait()
            await tx.execute("UPDATE counts SET number = 9 WHERE name = :name", name=names[1])

    outcomes = await asyncio.gather(change("a", "b"), change("b", "a"), return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "StoreUnavailable"]
    await nothing_is_left_open(cluster, name)


@pytest.mark.parametrize("limit", ["lock_timeout", "statement_timeout"])
async def test_what_is_held_too_long_is_not_waited_for(database: Database, limit: str) -> None:
    async def wait() -> None:
        async with database.write() as tx:
            await tx.execute(f"SET LOCAL {limit} = '50ms'")
            await tx.hold("registration:1")
            await tx.one("SELECT 1")

    async with database.write() as tx:
        await tx.hold("registration:1")
        await tx.one("SELECT 1")
        with pytest.raises(StoreUnavailable):
            await wait()


async def test_a_lost_connection_is_replaced(cluster: Cluster, name: str, database: Database) -> None:
    async def lose() -> None:
        async with database.write() as tx:
            await tx.execute(INSERT, name="c", number=1)
            cluster.run(f"SELECT pg_terminate_backend({await pid_of(tx)}, 5000)")
            await tx.execute(INSERT, name="d", number=1)

    with pytest.raises(StoreUnavailable):
        await lose()

    await add(database, "e")
    assert [await number_of(database, one) for one in "cde"] == [None, None, 1]
    await nothing_is_left_open(cluster, name)


async def test_a_connection_that_is_lost_before_the_end_stores_nothing(cluster: Cluster, database: Database) -> None:
    async def lose() -> None:
        async with database.write() as tx:
            await tx.execute(INSERT, name="c", number=1)
            cluster.run(f"SELECT pg_terminate_backend({await pid_of(tx)}, 5000)")
            await asyncio.sleep(0.05)

    with pytest.raises(StoreUnavailable):
        await lose()

    assert await number_of(database, "c") is None


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
async def test_the_store_goes_on_when_the_server_was_started_anew(
    cluster: Cluster, database: Database, how: signal.Signals
) -> None:
    await add(database, "c")
    assert await database.holds("publishing")

    cluster.stop(how)
    for _ in range(MOST + 1):
        with pytest.raises(StoreUnavailable):
            await number_of(database, "c")
    with pytest.raises(StoreUnavailable):
        await database.holds("publishing")
    cluster.start()

    assert await number_of(database, "c") == 1
    await add(database, "d")
    assert await database.holds("publishing")


@pytest.mark.usefixtures("impatient")
async def test_a_server_that_says_nothing_is_given_up(cluster: Cluster, name: str) -> None:
    database = await open_database(cluster.url(name), Path(), create=True)

    async def ask() -> None:
        async with database.write() as tx:
            await tx.execute(INSERT, name="c", number=1)
            with silent(await pid_of(tx)):
                await tx.all("SELECT 1")

    with pytest.raises(StoreUnavailable):
        await ask()

    assert await number_of(database, "c") is None
    await database.close()
    await nothing_is_left_open(cluster, name)


@pytest.mark.usefixtures("impatient")
async def test_who_is_cut_off_does_not_believe_in_its_duties(cluster: Cluster, name: str) -> None:
    cut_off, other = [await open_database(cluster.url(name), Path(), create=True) for _ in range(2)]
    assert await cut_off.holds("publishing")
    ((holder,),) = cluster.run("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted")

    with silent(holder), pytest.raises(StoreUnavailable):
        await cut_off.holds("publishing")

    await nothing_is_left_open(cluster, name)
    assert await other.holds("publishing")
    assert not await cut_off.holds("publishing")
    await cut_off.close()
    await other.close()


@pytest.mark.usefixtures("impatient")
async def test_who_finds_no_connection_free_waits_for_a_bounded_time(database: Database) -> None:
    release = asyncio.Event()

    async def keep() -> None:
        async with database.read():
            await release.wait()

    keeping = [asyncio.create_task(keep()) for _ in range(EACH)]
    await asyncio.sleep(0.2)

    with pytest.raises(StoreUnavailable):
        await number_of(database, "a")
    release.set()
    await asyncio.gather(*keeping)
    assert await number_of(database, "a") == 1


async def test_a_connection_that_nobody_has_needed_for_long_is_not_relied_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def pid() -> int:
        async with database.read() as tx:
            return await pid_of(tx)

    first = await pid()
    assert await pid() == first

    monkeypatch.setattr(lending, "_IDLE_SECONDS", 0)
    assert await pid() != first


async def test_after_many_at_once_no_connection_is_missing(cluster: Cluster, name: str, database: Database) -> None:
    async def ask(number: int) -> None:
        async with asyncio.timeout(number * 0.0003), database.write() as tx:
            await tx.execute(INSERT, name=f"n{number}", number=number)

    await asyncio.gather(*(ask(number) for number in range(100)), return_exceptions=True)

    inside, release = asyncio.Barrier(EACH + 1), asyncio.Event()

    async def keep() -> None:
        async with database.write() as tx:
            await tx.one("SELECT 1")
            await inside.wait()
            await release.wait()

    keeping = [asyncio.create_task(keep()) for _ in range(EACH)]
    async with asyncio.timeout(5):
        await inside.wait()
    release.set()
    await asyncio.gather(*keeping)
    await nothing_is_left_open(cluster, name)


@pytest.mark.usefixtures("impatient")
async def test_writers_leave_a_connection_to_readers(cluster: Cluster, name: str, database: Database) -> None:
    begun, release = asyncio.Barrier(EACH + 1), asyncio.Event()

    async def keep(number: int) -> None:
        async with database.write() as tx:
            await tx.execute(INSERT, name=f"w{number}", number=number)
            await begun.wait()
            await release.wait()

    keeping = [asyncio.create_task(keep(number)) for number in range(EACH)]
    await begun.wait()

    with pytest.raises(StoreUnavailable):
        await add(database, "c")
    assert await number_of(database, "a") == 1
    release.set()
    await asyncio.gather(*keeping)
    assert len(sessions(cluster, name)) <= MOST


@pytest.mark.parametrize("step", range(25))
async def test_who_is_cancelled_leaves_all_or_nothing_and_no_lock(
    cluster: Cluster, name: str, database: Database, step: int
) -> None:
    await asyncio.gather(*(number_of(database, "a") for _ in range(MOST)))

    async def write() -> None:
        async with database.write() as tx:
            await tx.hold("registration:1", "registration:2")
            await tx.execute(INSERT, name="c", number=1)
            await tx.all("SELECT pg_sleep(0.003)")
            await tx.execute_each(INSERT, [{"name": f"each{n}", "number": n} for n in range(50)])

    task = asyncio.create_task(write())
    await asyncio.sleep(step * 0.0006)
    task.cancel()
    await asyncio.wait([task])

    assert await number_of(database, "c") == await number_of(database, "each1")
    await asyncio.wait_for(add(database, "d"), 1)
    await nothing_is_left_open(cluster, name)


async def test_who_is_cancelled_twice_leaves_no_lock(cluster: Cluster, name: str, database: Database) -> None:
    async def wait(inside: asyncio.Event) -> None:
        async with database.write() as tx:
            await tx.hold("registration:1")
            await tx.one("SELECT 1")
            inside.set()
            await tx.all("SELECT pg_sleep(30)")

    for _ in range(2 * MOST):
        inside = asyncio.Event()
        task = asyncio.create_task(wait(inside))
        await inside.wait()
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    await nothing_is_left_open(cluster, name)
    await add(database, "c")


async def test_a_waiter_for_a_hold_that_is_cancelled_leaves_no_lock(
    cluster: Cluster, name: str, database: Database
) -> None:
    async def wait() -> None:
        async with database.write() as tx:
            await tx.hold("registration:1", "registration:2")
            await tx.one("SELECT 1")

    async with database.write() as tx:
        await tx.hold("registration:2")
        await tx.one("SELECT 1")
        task = asyncio.create_task(wait())
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait([task])

    await nothing_is_left_open(cluster, name)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("asks", [False, True])
async def test_who_keeps_a_connection_beyond_the_end_loses_it_and_is_told_so(
    cluster: Cluster, name: str, *, asks: bool
) -> None:
    database = await open_database(cluster.url(name), Path(), create=True)

    async def keep(begun: asyncio.Event) -> None:
        async with database.write() as tx:
            await tx.execute(INSERT, name="c", number=1)
            begun.set()
            await (tx.all("SELECT pg_sleep(30)") if asks else asyncio.sleep(1))

    begun = asyncio.Event()
    keeping = asyncio.create_task(keep(begun))
    await begun.wait()
    await database.close()

    with pytest.raises(StoreUnavailable):
        await keeping
    await nothing_is_left_open(cluster, name)


async def test_who_is_cancelled_where_the_server_takes_no_word_of_it_is_cancelled_all_the_same(
    cluster: Cluster, name: str, database: Database
) -> None:
    async def wait() -> None:
        async with database.read() as tx:
            await tx.all("SELECT pg_sleep(30)")

    task = asyncio.create_task(wait())
    await asyncio.sleep(0.2)
    (door,) = cluster.folder.glob(".s.PGSQL.*[0-9]")

    aside = door.rename(cluster.folder / "aside")
    task.cancel()
    await asyncio.wait([task])
    aside.rename(door)

    assert task.cancelled()
    assert await number_of(database, "a") == 1
    await nothing_is_left_open(cluster, name)

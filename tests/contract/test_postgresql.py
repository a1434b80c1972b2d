"""What only PostgreSQL can do to us: go away, come back, refuse, be slow, be of another kind."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ca_core.errors import BadRequest, Damaged, Misconfigured, StoreUnavailable
from ca_core.store import key_owners
from ca_core.store.database import Database
from ca_core.store.migrate import migrate
from ca_core.store.opening import open_database
from conformance.postgresql import PASSWORD, Cluster
from conformance.stores import POSTGRESQL
from server.office import migrations
from tests.builders.store import Stores, stores_of

OWNER = {"purpose": "authentication", "registration_id": "r"}


@pytest.fixture
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    async with stores_of(POSTGRESQL, request, tmp_path) as made:
        yield made


@pytest.fixture
async def database(stores: Stores) -> Database:
    return await stores.open()


@pytest.fixture
def another_cluster() -> Iterator[Cluster]:
    """One that may be stopped."""
    started = Cluster()
    yield started
    started.close()


async def claimed(database: Database, key: bytes) -> bool:
    async with database.write() as tx:
        return await key_owners.claim(tx, key, **OWNER)


async def keys(database: Database) -> int:
    async with database.read() as tx:
        ((count,),) = await tx.all("SELECT COUNT(*) FROM key_owners")
    return int(count)


async def refuse(opening: Awaitable[Database]) -> str:
    with pytest.raises(Misconfigured) as refused:
        await opening
    assert "\n" not in str(refused.value)
    return str(refused.value)


@asynccontextmanager
async def made(url: str, folder: Path) -> AsyncIterator[Database]:
    database = await open_database(url, folder, create=True)
    await migrate(database, migrations(), now=0)
    yield database
    await database.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
async def test_a_server_that_comes_back_is_used_again(
    another_cluster: Cluster, tmp_path: Path, number: signal.Signals
) -> None:
    async with made(another_cluster.url(another_cluster.make()), tmp_path) as database:
        assert await claimed(database, b"before")

        another_cluster.stop(number)
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                await claimed(database, b"meanwhile")
            with pytest.raises(StoreUnavailable):
                await keys(database)
        another_cluster.start()

        assert await keys(database) == 1
        assert await claimed(database, b"after")


async def test_a_server_that_goes_in_the_middle_leaves_no_trace(another_cluster: Cluster, tmp_path: Path) -> None:
    async with made(another_cluster.url(another_cluster.make()), tmp_path) as database:

        async def go_on() -> None:
            async with database.write() as tx:
                await key_owners.claim(tx, b"key", **OWNER)
                another_cluster.stop(signal.SIGQUIT)
                await key_owners.claim(tx, b"other", **OWNER)

        with pytest.raises(StoreUnavailable) as refused:
            await go_on()
        another_cluster.start()
        # Stopping and starting kept the event loop from hearing of the connections that nobody was using.
        await asyncio.sleep(0.05)

        assert refused.value.retry_after_seconds >= 1
        assert await keys(database) == 0
        assert await claimed(database, b"key")


async def test_a_session_that_is_ended_is_replaced(database: Database, stores: Stores, cluster: Cluster) -> None:
    assert await claimed(database, b"one")

    cluster.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'soapstone'")
    await asyncio.sleep(0.05)

    assert await claimed(database, b"two")
    assert await keys(database) == 2


async def test_of_two_that_wait_for_each_other_one_is_told_to_come_again(database: Database) -> None:
    both = asyncio.Barrier(2)

    async def take(first: bytes, second: bytes) -> None:
        async with database.write() as tx:
            await key_owners.claim(tx, first, **OWNER)
            await both.wait()
            await key_owners.claim(tx, second, **OWNER)

    outcomes = await asyncio.gather(take(b"a", b"b"), take(b"b", b"a"), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes if outcome is not None] == [StoreUnavailable]
    assert await keys(database) == 2


async def test_who_waits_for_a_lock_is_not_kept_for_ever(stores: Stores) -> None:
    holder, waiter = await stores.open(), await stores.open()
    async with waiter.write() as tx:
        await tx.execute("SET lock_timeout = '50ms'")
    async with holder.write() as tx:
        await key_owners.claim(tx, b"key", **OWNER)
        with pytest.raises(StoreUnavailable):
            await claimed(waiter, b"key")

    assert await keys(waiter) == 1


async def test_who_is_cancelled_while_waiting_for_a_lock_holds_nothing(stores: Stores) -> None:
    holder, waiter = await stores.open(), await stores.open()
    async with holder.write() as held:
        await key_owners.claim(held, b"key", **OWNER)

        async def wait() -> None:
            async with waiter.write() as tx:
                await key_owners.claim(tx, b"mine", **OWNER)
                await key_owners.claim(tx, b"key", **OWNER)

        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        # Not only when the holder ends: the statement that waited is given up, with all that was held before it.
        async with asyncio.timeout(3), holder.write() as tx:
            assert await key_owners.claim(tx, b"mine", **OWNER)

    assert await keys(waiter) == 2


@pytest.mark.parametrize("steps", range(0, 40, 2))
async def test_a_block_that_is_cancelled_anywhere_leaves_no_trace_and_no_lock(database: Database, steps: int) -> None:
    async def write() -> None:
        async with database.write() as tx:
            await tx.hold("key:all")
            for number in range(20):
                await key_owners.claim(tx, b"%d" % number, **OWNER)
            await asyncio.Event().wait()

    task = asyncio.create_task(write())
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with asyncio.timeout(5), database.write() as tx:
        await tx.hold("key:all")
        assert await key_owners.claim(tx, b"0", **OWNER)
    assert await keys(database) == 1


async def test_more_tasks_than_connections_take_turns(stores: Stores, tmp_path: Path) -> None:
    database = await open_database(stores.url, tmp_path, connections=2)

    async def both(number: int) -> bool:
        won = await claimed(database, b"%d" % number)
        return won and await keys(database) > 0

    assert all(await asyncio.gather(*(both(number) for number in range(60))))
    async with database.write() as tx:
        await key_owners.claim(tx, b"more", **OWNER)
        # One connection is kept for readers.
        assert await keys(database) == 60
    await database.close()


async def test_a_text_is_ordered_by_its_bytes_in_a_database_that_orders_as_dictionaries_do(database: Database) -> None:
    accounts = ["B", "a", "Z-9", "ä", "b", "A-1", "_", "a-1"]
    async with database.write() as tx:
        for account in accounts:
            await tx.execute("INSERT INTO crl_addresses (issuer, url, since) VALUES (:account, '', 0)", account=account)

        rows = await tx.all("SELECT issuer FROM crl_addresses ORDER BY issuer")
        behind = await tx.all("SELECT issuer FROM crl_addresses WHERE issuer > :account", account="Z-9")

    assert [row[0] for row in rows] == sorted(accounts)
    assert {row[0] for row in behind} == {account for account in accounts if account > "Z-9"}


async def test_values_come_back_as_they_went(database: Database) -> None:
    async with database.write() as tx:
        await tx.execute("CREATE TABLE kinds (t TEXT, n BIGINT, b BLOB)")
        await tx.execute_each(
            "INSERT INTO kinds (t, n, b) VALUES (:t, :n, :b)",
            [{"t": "ä\U0001f600", "n": -(1 << 63), "b": bytes(range(256)) * 5000}, {"t": None, "n": None, "b": None}],
        )
        rows = await tx.all("SELECT t, n, b, n IS NULL FROM kinds ORDER BY n NULLS LAST")

    assert rows == [("ä\U0001f600", -(1 << 63), bytes(range(256)) * 5000, 0), (None, None, None, 1)]


async def test_a_text_that_cannot_be_stored_is_the_clients(database: Database) -> None:
    with pytest.raises(BadRequest):
        async with database.read() as tx:
            await tx.all("SELECT 1 FROM registrations WHERE account = :account", account="a\x00b")


async def test_a_password_has_no_place_in_the_settings(stores: Stores, tmp_path: Path) -> None:
    secret = "correct-horse"
    for url in (
        f"postgresql://u:{secret}@127.0.0.1/x",
        f"postgresql://u@127.0.0.1/x?password={secret}",
        f"postgresql://u:{secret}@[127.0.0.1/x",
        f"postgresql://u@127.0.0.1/x?{secret}",
    ):
        assert secret not in await refuse(open_database(url, tmp_path))


async def test_a_password_comes_from_a_file(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = cluster.loopback_url(cluster.make(), "locked")
    wrong, right = tmp_path / "wrong", tmp_path / "right"
    for path, password in ((wrong, "wrong-word"), (right, PASSWORD)):
        path.write_text(f"*:*:*:locked:{password}\n")
        path.chmod(0o600)

    said = await refuse(open_database(f"{url}?passfile={wrong}", tmp_path, create=True))
    database = await open_database(f"{url}?passfile={right}", tmp_path, create=True)
    await database.close()
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    database = await open_database(url, tmp_path, create=True)
    await database.close()

    assert "locked" in said
    assert "wrong-word" not in said


async def test_what_cannot_be_connected_to_is_the_operators(cluster: Cluster, tmp_path: Path) -> None:
    assert "nowhere" in await refuse(open_database(cluster.url("nowhere"), tmp_path))
    assert "127.0.0.1" in await refuse(open_database("postgresql://u@127.0.0.1:1/x", tmp_path))


async def test_a_lost_store_is_not_replaced_by_an_empty_one(cluster: Cluster, tmp_path: Path) -> None:
    said = await refuse(open_database(cluster.url(cluster.make()), tmp_path))

    assert "restore it from your backup" in said


async def test_a_store_is_not_made_where_there_is_one(stores: Stores, tmp_path: Path) -> None:
    assert "holds a store already" in await refuse(open_database(stores.url, tmp_path, create=True))


async def test_a_store_whose_home_came_to_nothing_is_removed_and_what_was_there_stays(
    cluster: Cluster, tmp_path: Path
) -> None:
    name = cluster.make()
    cluster.run("CREATE TABLE theirs (a BIGINT)", name)
    database = await open_database(cluster.url(name), tmp_path, create=True)
    await migrate(database, migrations(), now=0)

    await database.discard()
    await database.close()

    left = cluster.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", name)
    assert left == [("theirs",)]


async def test_a_database_in_another_encoding_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    cluster.run("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")

    assert "UTF8" in await refuse(open_database(cluster.url("latin"), tmp_path, create=True))


async def test_a_server_that_would_lose_what_it_confirms_is_refused(another_cluster: Cluster, tmp_path: Path) -> None:
    another_cluster.run("ALTER SYSTEM SET fsync = off")
    another_cluster.stop()
    another_cluster.start()

    assert "fsync" in await refuse(open_database(another_cluster.url("postgres"), tmp_path, create=True))


async def test_what_is_confirmed_is_on_the_disk_whatever_the_role_was_set_to(stores: Stores, cluster: Cluster) -> None:
    cluster.run("ALTER ROLE soapstone SET synchronous_commit = off")
    database = await stores.open()
    async with database.read() as tx:
        shown = await tx.one("SELECT current_setting('synchronous_commit')")
    cluster.run("ALTER ROLE soapstone RESET synchronous_commit")

    assert shown == ("on",)


async def test_a_role_without_rights_is_the_operators(cluster: Cluster, stores: Stores) -> None:
    cluster.run("CREATE ROLE poor LOGIN")
    name = stores.url.partition("@/")[2].partition("?")[0]
    cluster.run("GRANT SELECT ON migrations TO poor", name)
    poor = await open_database(stores.url.replace("soapstone@", "poor@"), Path())

    with pytest.raises(Misconfigured, match="the role of"):
        await claimed(poor, b"key")
    await poor.close()


async def test_damaged_pages_are_told(database: Database) -> None:
    await database.check()

    with pytest.raises(Damaged):
        async with database.read() as tx:
            await tx.all("DO $$ BEGIN RAISE SQLSTATE 'XX001'; END $$")

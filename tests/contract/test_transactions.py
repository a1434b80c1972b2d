from __future__ import annotations

import asyncio

import pytest

from ca_core.errors import Misconfigured, StoreUnavailable
from ca_core.store import key_owners, work
from ca_core.store.database import Database, Statement, Transaction, Value
from ca_core.store.migrate import Migration, migrate
from server.office import migrations

OWNER = {"purpose": "authentication", "registration_id": "r"}


async def run(database: Database, sql: str, **values: Value) -> int:
    changed, _ = await database.run(Statement(sql, values))
    return changed


async def keys(database: Database) -> int:
    async with database.read() as tx:
        row = await tx.one("SELECT count(*) FROM key_owners")
    assert row is not None
    return int(row[0])


async def test_a_block_that_ends_well_is_stored(database: Database) -> None:
    async with database.write() as tx:
        await key_owners.claim(tx, b"key", **OWNER)

    assert await keys(database) == 1


async def test_a_block_that_raises_leaves_no_trace(database: Database) -> None:
    async def write_and_fail() -> None:
        async with database.write() as tx:
            await key_owners.claim(tx, b"key", **OWNER)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await write_and_fail()

    assert await keys(database) == 0


async def test_a_cancelled_block_leaves_no_trace_and_no_lock(database: Database) -> None:
    inside = asyncio.Event()

    async def write_and_wait() -> None:
        async with database.write() as tx:
            await key_owners.claim(tx, b"key", **OWNER)
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write_and_wait())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await keys(database) == 0
    async with database.write() as tx:
        assert await key_owners.claim(tx, b"key", **OWNER)


@pytest.mark.parametrize("steps", range(12))
async def test_a_block_that_is_cancelled_while_it_opens_leaves_no_lock(database: Database, steps: int) -> None:
    async def write_and_wait() -> None:
        async with database.write():
            await asyncio.Event().wait()

    task = asyncio.create_task(write_and_wait())
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with database.write() as tx:
        assert await key_owners.claim(tx, b"key", **OWNER)


async def test_reading_does_not_wait_for_a_writer(database: Database) -> None:
    async with database.write() as tx:
        await key_owners.claim(tx, b"key", **OWNER)

        assert await keys(database) == 0


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(StoreUnavailable):
        async with database.read() as tx:
            await key_owners.claim(tx, b"key", **OWNER)


async def test_fifty_claims_of_one_key_have_one_winner(database: Database) -> None:
    async def claim(owner: int) -> bool:
        async with database.write() as tx:
            return await key_owners.claim(tx, b"key", purpose="authentication", registration_id=f"r{owner}")

    won = await asyncio.gather(*(claim(owner) for owner in range(50)))

    assert won.count(True) == 1


async def test_a_key_may_be_claimed_again_by_its_owner_only(database: Database) -> None:
    async def claim(purpose: str, registration_id: str) -> bool:
        async with database.write() as tx:
            return await key_owners.claim(tx, b"key", purpose=purpose, registration_id=registration_id)

    assert await claim("signing", "r") is True
    assert await claim("signing", "r") is True
    assert await claim("encryption", "r") is False
    assert await claim("signing", "another") is False


async def test_all_migrations_applied_again_change_nothing(database: Database) -> None:
    assert await migrate(database, migrations(), now=1) == []


async def test_two_servers_that_start_at_once_apply_each_migration_once(database: Database) -> None:
    extra = [*migrations(), Migration("extra", 1, "one", "CREATE TABLE extra (a BIGINT NOT NULL);", "d")]

    applied = await asyncio.gather(*(migrate(database, extra, now=1) for _ in range(5)))

    assert sum(map(len, applied)) == 1


async def test_an_edited_migration_is_refused(database: Database) -> None:
    first, *rest = migrations()
    edited = Migration(first.component, first.number, first.name, first.sql + "-- edited", "other digest")

    with pytest.raises(Misconfigured, match="was edited"):
        await migrate(database, [edited, *rest], now=1)


async def test_a_newer_database_is_refused(database: Database) -> None:
    with pytest.raises(Misconfigured, match="newer than this program"):
        await migrate(database, migrations()[:1], now=1)


async def test_a_migration_that_fails_is_not_half_applied(database: Database) -> None:
    broken = Migration("extra", 1, "one", "CREATE TABLE half (a BIGINT NOT NULL);\nSELECT nonsense;", "d")

    with pytest.raises(Exception, match="nonsense"):
        await migrate(database, [*migrations(), broken], now=1)

    async with database.write() as tx:
        await tx.execute("CREATE TABLE half (a BIGINT NOT NULL)")


async def lease(database: Database, *, now: int) -> list[str]:
    async with database.write() as tx:
        return [item.subject for item in await work.lease(tx, "k", now=now, until=now + 60, most=10)]


async def add(database: Database, *subjects: str) -> None:
    async with database.write() as tx:
        for subject in subjects:
            await work.add(tx, "k", subject, now=100)


async def test_leased_work_is_nobody_elses_until_the_lease_ends(database: Database) -> None:
    await add(database, "a")

    assert await lease(database, now=100) == ["a"]
    assert await lease(database, now=159) == []
    assert await lease(database, now=160) == ["a"]


async def test_work_of_another_kind_is_left_alone(database: Database) -> None:
    async with database.write() as tx:
        await work.add(tx, "other", "a", now=100)

    assert await lease(database, now=100) == []


async def test_postponed_work_comes_back_when_it_is_due(database: Database) -> None:
    await add(database, "a")
    async with database.write() as tx:
        (item,) = await work.lease(tx, "k", now=100, until=160, most=1)
        await work.postpone(tx, item.id, due_at=130)

    assert await lease(database, now=129) == []
    assert await lease(database, now=130) == ["a"]


async def test_finished_work_is_gone(database: Database) -> None:
    await add(database, "a")
    async with database.write() as tx:
        (item,) = await work.lease(tx, "k", now=100, until=160, most=1)
        await work.finish(tx, item.id)

    assert await lease(database, now=1000) == []


async def test_a_hundred_writers_are_all_served(database: Database) -> None:
    async def write(number: int) -> None:
        async with database.write() as tx:
            await insert(tx, number)

    async def insert(tx: Transaction, number: int) -> None:
        await key_owners.claim(tx, b"%d" % number, **OWNER)

    await asyncio.gather(*(write(number) for number in range(100)))

    assert await keys(database) == 100


async def test_one_statement_is_a_transaction_of_its_own(database: Database) -> None:
    count = "UPDATE agreed SET fingerprint = :fingerprint WHERE name = :name"
    async with database.write() as tx:
        await tx.execute("INSERT INTO agreed (name, fingerprint) VALUES ('a', 'b')")

    assert await run(database, count, name="a", fingerprint="c") == 1
    assert await run(database, count, name="nobody", fingerprint="c") == 0

    async with database.read() as tx:
        assert await tx.all("SELECT name, fingerprint FROM agreed") == [("a", "c")]


async def test_a_statement_that_fails_by_itself_leaves_no_trace_and_no_lock(database: Database) -> None:
    add = "INSERT INTO agreed (name, fingerprint) VALUES (:name, 'x')"
    await run(database, add, name="a")

    for _ in range(20):
        with pytest.raises(Exception, match=r"(?i)unique"):
            await run(database, add, name="a")

    assert await run(database, add, name="b") == 1


CLAIM = (
    "INSERT INTO key_owners (spki_sha256, purpose, registration_id) VALUES (:key, :purpose, 'r') ON CONFLICT DO NOTHING"
)
MOVE = "UPDATE key_owners SET purpose = :to WHERE spki_sha256 = :key AND purpose = :was"


async def purposes(database: Database) -> list[str]:
    async with database.read() as tx:
        return [purpose for (purpose,) in await tx.all("SELECT purpose FROM key_owners ORDER BY spki_sha256")]


@pytest.mark.parametrize("number", [1, 2, 5])
async def test_what_is_left_for_later_is_stored_by_the_end(database: Database, number: int) -> None:
    async with database.write() as tx:
        for one in range(number):
            await tx.later(CLAIM, key=b"%d" % one, purpose=f"p{one}")
        await tx.later_each(CLAIM, [{"key": b"x%d" % one, "purpose": "x"} for one in range(number)])

    assert await purposes(database) == [f"p{one}" for one in range(number)] + ["x"] * number


async def test_any_number_is_left_for_later(database: Database) -> None:
    async with database.write() as tx:
        for one in range(2000):
            await tx.later(CLAIM, key=b"%04d" % one, purpose="p", or_else=ValueError)

    assert len(await purposes(database)) == 2000


async def test_a_look_sees_what_was_left_for_later_before_it(database: Database) -> None:
    async with database.write() as tx:
        await tx.later(CLAIM, key=b"a", purpose="one")
        await tx.later(CLAIM, key=b"b", purpose="two")
        assert len(await tx.all("SELECT 1 FROM key_owners")) == 2
        await tx.later(CLAIM, key=b"c", purpose="three")
        assert await tx.execute(MOVE, key=b"c", was="three", to="four") == 1
        await tx.later(MOVE, key=b"a", was="one", to="five")
        assert await tx.execute_beside(CLAIM, key=b"d", purpose="six") == 1
        assert await tx.execute_beside(CLAIM, key=b"d", purpose="seven") == 0

    assert await purposes(database) == ["five", "two", "four", "six"]


@pytest.mark.parametrize("looks", [False, True])
@pytest.mark.parametrize("others", [0, 1, 3])
@pytest.mark.parametrize("guards", [0, 1, 2])
async def test_what_changes_no_row_by_the_end_takes_all_with_it(
    database: Database, looks: bool, others: int, guards: int
) -> None:
    await run(database, CLAIM, key=b"a", purpose="one")

    async def write() -> None:
        async with database.write() as tx:
            if looks:
                assert len(await tx.all("SELECT 1 FROM key_owners")) == 1
            for one in range(others):
                await tx.later(CLAIM, key=b"o%d" % one, purpose="other")
            for one in range(guards):
                await tx.later(CLAIM, key=b"g%d" % one, purpose="guard", or_else=RuntimeError)
            await tx.later(MOVE, key=b"a", was="two", to="three", or_else=ValueError)
            await tx.later(CLAIM, key=b"z", purpose="last")

    with pytest.raises(ValueError, match=r"^$"):
        await write()

    assert await purposes(database) == ["one"]


async def test_of_two_that_change_the_same_by_the_end_one_does(database: Database) -> None:
    await run(database, CLAIM, key=b"a", purpose="one")

    async def move(to: str) -> None:
        async with database.write() as tx:
            await tx.later(MOVE, key=b"a", was="one", to=to, or_else=ValueError)
            await tx.later(CLAIM, key=to.encode(), purpose="winner")

    outcomes = await asyncio.gather(*(move(f"to{number}") for number in range(8)), return_exceptions=True)

    assert sorted(type(one).__name__ for one in outcomes) == ["NoneType"] + ["ValueError"] * 7
    assert len(await purposes(database)) == 2


async def test_what_is_no_text_is_the_same_error_on_both(database: Database) -> None:
    async with database.read() as tx:
        with pytest.raises(UnicodeEncodeError) as refused:
            await tx.all("SELECT 1 FROM work WHERE id = :id", id="\udcff")

    assert refused.value.object == "\udcff"

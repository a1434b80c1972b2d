"""What servers count together: whoever of them counts, over the same store."""

from __future__ import annotations

import asyncio

import pytest

from ca_core.errors import Throttled
from ca_core.metering import SharedMeter
from ca_core.policy.buckets import Rate, hourly
from ca_core.store import buckets
from ca_core.store.database import Database, Statement
from conformance.postgresql import Cluster
from protocols.acme.errors import BadNonce
from protocols.acme.nonces import LIFETIME_SECONDS
from protocols.acme.spending import SKEW_SECONDS, SharedSpending
from protocols.cmc.errors import Replayed
from protocols.cmc.nonces import REMEMBERED_SECONDS
from protocols.cmc.replays import SharedReplays
from tests.builders.clock import SettableClock
from tests.builders.store import Stores

NOW = 1_800_000_000


def keyed(seed: bytes) -> bytes:
    return b"keyed" + seed


async def servers(database: Database, *clocks: SettableClock) -> list[SharedSpending]:
    opened = [SharedSpending(database, clock, keyed) for clock in clocks]
    for one in opened:
        await one.open()
    return opened


async def lose_the_unlogged(database: Database) -> None:
    """What a crash of the database does to tables without a log."""
    async with database.write() as tx:
        await tx.execute("DELETE FROM acme_nonce_seeds")
        await tx.execute("DELETE FROM acme_spent_nonces")


async def counted(database: Database, table: str) -> int:
    queries = {
        "buckets": "SELECT COUNT(*) FROM buckets",
        "acme_spent_nonces": "SELECT COUNT(*) FROM acme_spent_nonces",
        "cmc_used_nonces": "SELECT COUNT(*) FROM cmc_used_nonces",
    }
    async with database.read() as tx:
        row = await tx.one(queries[table])
    assert row is not None
    return int(row[0])


async def test_a_nonce_of_one_server_is_spent_once_at_any(database: Database) -> None:
    one, other = await servers(database, SettableClock(), SettableClock())
    nonce = one.issue()

    await other.spend(nonce)

    for server in (one, other):
        with pytest.raises(BadNonce):
            await server.spend(nonce)


async def test_of_many_servers_that_are_sent_one_nonce_one_accepts_it(database: Database) -> None:
    several = await servers(database, *(SettableClock() for _ in range(8)))
    nonce = several[0].issue()

    outcomes = await asyncio.gather(*(server.spend(nonce) for server in several), return_exceptions=True)

    assert sum(outcome is None for outcome in outcomes) == 1
    assert sum(isinstance(outcome, BadNonce) for outcome in outcomes) == 7


LOOK = Statement("SELECT name, floor FROM acme_nonce_seeds WHERE name = :name", {"name": "acme"})
NOTHING = Statement("SELECT name FROM acme_nonce_seeds WHERE name = :name", {"name": "other"})


async def test_what_is_looked_at_beside_comes_with_a_nonce_that_one_accepts(database: Database) -> None:
    several = await servers(database, *(SettableClock() for _ in range(8)))
    nonce = several[0].issue()

    spending = (server.spend_beside(nonce, database, LOOK) for server in several)
    outcomes = await asyncio.gather(*spending, return_exceptions=True)

    assert [outcome for outcome in outcomes if not isinstance(outcome, BadNonce)] == [("acme", 0)]
    assert await several[0].spend_beside(several[1].issue(), database, NOTHING) is None
    for bad in (nonce, "", None):
        with pytest.raises(BadNonce):
            await several[1].spend_beside(bad, database, LOOK)


async def test_a_nonce_of_a_new_seed_is_looked_at_beside_too(database: Database) -> None:
    one, other = await servers(database, SettableClock(), SettableClock())
    await lose_the_unlogged(database)
    await other.open()

    assert await one.spend_beside(other.issue(), database, LOOK) == ("acme", 0)


async def test_servers_that_start_at_once_agree_on_one_seed(database: Database) -> None:
    several = [SharedSpending(database, SettableClock(), keyed) for _ in range(4)]

    await asyncio.gather(*(server.open() for server in several))

    for server in several:
        await several[0].spend(server.issue())


async def test_where_the_marks_are_lost_every_nonce_is_void_and_the_next_one_is_good(database: Database) -> None:
    one, other = await servers(database, SettableClock(), SettableClock())
    spent, fresh = one.issue(), one.issue()
    await one.spend(spent)

    await lose_the_unlogged(database)

    for nonce in (spent, fresh):
        with pytest.raises(BadNonce):
            await one.spend(nonce)
    await other.spend(one.issue())
    await one.spend(other.issue())


async def test_clocks_may_differ_by_a_minute_and_no_more(database: Database) -> None:
    ahead, behind = SettableClock(), SettableClock()
    one, other = await servers(database, ahead, behind)
    ahead.move(SKEW_SECONDS)
    await other.spend(one.issue())
    ahead.move(1)

    with pytest.raises(BadNonce):
        await other.spend(one.issue())


async def test_an_old_nonce_is_refused(database: Database) -> None:
    clock = SettableClock()
    (server,) = await servers(database, clock)
    nonce = server.issue()
    clock.move(LIFETIME_SECONDS + 1)

    with pytest.raises(BadNonce):
        await server.spend(nonce)


async def test_marks_are_forgotten_and_no_clock_brings_their_nonces_back(database: Database) -> None:
    clock, late = SettableClock(), SettableClock()
    server, other = await servers(database, clock, late)
    nonce = server.issue()
    await server.spend(nonce)
    clock.move(LIFETIME_SECONDS + 601)
    late.move(LIFETIME_SECONDS)

    await server.forget()
    assert await counted(database, "acme_spent_nonces") == 1
    with pytest.raises(BadNonce):
        await other.spend(nonce)
    await server.forget()

    assert await counted(database, "acme_spent_nonces") == 0
    with pytest.raises(BadNonce):
        await other.spend(nonce)


async def test_a_clock_that_was_far_ahead_stops_nobody_for_longer_than_one_answer(database: Database) -> None:
    wrong, right = SettableClock(), SettableClock()
    server, other = await servers(database, wrong, right)
    wrong.move(30 * 86_400)
    await server.forget()
    wrong.move(-30 * 86_400)

    with pytest.raises(BadNonce):
        await other.spend(other.issue())

    await other.spend(other.issue())


async def test_of_two_servers_one_gets_the_last_token(database: Database) -> None:
    one, other = SharedMeter("orders", hourly(3)), SharedMeter("orders", hourly(3))

    async def take(meter: SharedMeter) -> int:
        async with database.write() as tx:
            return await meter.take(tx, "payer", now=NOW)

    waits = await asyncio.gather(*(take(meter) for meter in (one, other) * 5))

    assert sorted(waits) == [0] * 3 + [1200] * 7


async def test_tokens_come_back_with_time_and_never_more_than_there_were(database: Database) -> None:
    meter = SharedMeter("orders", Rate(burst=2, seconds_each=10))

    async def taken(now: int) -> list[int]:
        waits = []
        for _ in range(3):
            async with database.write() as tx:
                waits.append(await meter.take(tx, "payer", now=now))
        return waits

    assert await taken(NOW) == [0, 0, 10]
    assert await taken(NOW + 10) == [0, 10, 10]
    assert await taken(NOW + 14) == [6, 6, 6]
    assert await taken(NOW + 86_400) == [0, 0, 10]


async def test_what_is_refused_has_cost_nobody_anything(database: Database) -> None:
    meter = SharedMeter("orders", Rate(burst=1, seconds_each=10))

    async def order(*payers: str) -> None:
        async with database.write() as tx:
            if wait := await meter.take(tx, *payers, now=NOW):
                raise Throttled("no", retry_after_seconds=wait)

    await order("registration")
    with pytest.raises(Throttled):
        await order("account", "registration")

    await order("account")


async def test_two_who_pay_together_each_pay_once(database: Database) -> None:
    rate = Rate(burst=2, seconds_each=10)
    meter = SharedMeter("orders", rate)
    async with database.write() as tx:
        await meter.take(tx, "account", "registration", now=NOW)
        await meter.take(tx, "account", "account", now=NOW)

        assert await meter.take(tx, "account", now=NOW) == 10
        assert await meter.take(tx, "registration", now=NOW) == 0
        assert await meter.take(tx, "registration", now=NOW) == 10


async def test_a_refusal_is_remembered_for_as_long_as_it_is_true(database: Database) -> None:
    meter = SharedMeter("orders", Rate(burst=1, seconds_each=10))
    async with database.write() as tx:
        assert await meter.take(tx, "payer", now=NOW) == 0
        assert meter.known_wait_seconds("payer", now=NOW) == 0
        assert await meter.take(tx, "payer", now=NOW) == 10

    assert [meter.known_wait_seconds("payer", now=NOW + later) for later in (0, 4, 10)] == [10, 6, 0]
    assert meter.known_wait_seconds("payer", now=NOW - 3600) == 0
    async with database.read() as tx:
        assert await meter.wait_seconds(tx, "payer", "another", now=NOW + 4) == 6


async def test_what_is_counted_by_another_name_is_another_matter(database: Database) -> None:
    rate = Rate(burst=1, seconds_each=10)
    async with database.write() as tx:
        await SharedMeter("orders", rate).spend(tx, "payer", "another", now=NOW)

        assert await SharedMeter("accounts", rate).take(tx, "payer", now=NOW) == 0
        assert await SharedMeter("orders", rate).take(tx, "another", now=NOW) == 10


async def test_a_clock_that_was_ahead_makes_nobody_wait_until_it_has_come_round(database: Database) -> None:
    meter = SharedMeter("orders", Rate(burst=2, seconds_each=10))
    async with database.write() as tx:
        await meter.take(tx, "payer", now=NOW + 86_400)

        assert await meter.wait_seconds(tx, "payer", now=NOW) == 0
        assert [await meter.take(tx, "payer", now=NOW + later) for later in (0, 0, 10)] == [0, 10, 0]


async def test_full_buckets_are_forgotten(database: Database) -> None:
    rate = Rate(burst=1, seconds_each=10)
    async with database.write() as tx:
        await SharedMeter("orders", rate).take(tx, "payer", now=NOW)
        await buckets.forget_full(tx, now=NOW + 9)
    assert await counted(database, "buckets") == 1

    async with database.write() as tx:
        await buckets.forget_full(tx, now=NOW + 10)

    assert await counted(database, "buckets") == 0


async def test_a_request_is_carried_out_by_one_server_once(database: Database) -> None:
    replays = [SharedReplays(database) for _ in range(4)]

    outcomes = await asyncio.gather(*(one.use("sender", b"nonce", now=NOW) for one in replays), return_exceptions=True)

    assert sum(isinstance(outcome, Replayed) for outcome in outcomes) == 3
    await replays[0].use("another sender", b"nonce", now=NOW)


async def test_what_is_asked_without_a_nonce_is_done_by_one_server_once(database: Database) -> None:
    one, other = SharedReplays(database), SharedReplays(database)
    await one.use_content("sender", b"revoke it", now=NOW)

    with pytest.raises(Replayed):
        await other.use_content("sender", b"revoke it", now=NOW)

    await other.use_content("sender", b"revoke another", now=NOW)


async def test_used_nonces_are_remembered_for_as_long_as_they_could_be_repeated(database: Database) -> None:
    replays = SharedReplays(database)
    await replays.use("sender", b"nonce", now=NOW)

    await replays.forget(now=NOW + REMEMBERED_SECONDS)
    with pytest.raises(Replayed):
        await replays.use("sender", b"nonce", now=NOW)
    await replays.forget(now=NOW + REMEMBERED_SECONDS + 1)

    assert await counted(database, "cmc_used_nonces") == 0


async def test_a_crash_of_postgresql_takes_the_seed_with_the_marks(stores: Stores, cluster: Cluster) -> None:
    if not (await stores.open()).is_shared:
        return
    name = stores.url.partition("@/")[2].partition("?")[0]

    unlogged = cluster.run("SELECT relname FROM pg_class WHERE relpersistence = 'u' AND relkind = 'r'", name)

    assert {row[0] for row in unlogged} == {"acme_nonce_seeds", "acme_spent_nonces", "buckets"}

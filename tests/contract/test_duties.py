"""A duty that one process of all has."""

from __future__ import annotations

import asyncio

from tests.builders.store import Stores


async def test_a_store_of_one_process_gives_it_every_duty(stores: Stores) -> None:
    database = await stores.open()

    assert await database.holds("publishing")
    assert await database.holds("publishing")
    assert await database.holds("expiry")


async def test_of_many_that_ask_for_a_duty_of_a_shared_store_one_has_it(stores: Stores) -> None:
    several = [await stores.open() for _ in range(3)]
    if not several[0].is_shared:
        return

    outcomes = await asyncio.gather(*(database.holds("publishing") for database in several))

    assert sum(outcomes) == 1
    assert [await database.holds("publishing") for database in several] == outcomes
    assert await several[outcomes.index(False)].holds("expiry")


async def test_who_ends_leaves_its_duties_to_others(stores: Stores) -> None:
    first, second = await stores.open(), await stores.open()
    if not first.is_shared:
        return
    assert await first.holds("publishing")
    assert not await second.holds("publishing")

    await first.close()

    for _ in range(500):
        if await second.holds("publishing"):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the duty of a process that ended is nobody's")

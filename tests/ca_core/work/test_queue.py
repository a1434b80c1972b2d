from __future__ import annotations

import pytest

from ca_core.errors import Busy
from ca_core.store import work
from ca_core.work.item import Item
from ca_core.work.queue import LEASE_SECONDS, work_through
from tests.builders.core import Core


async def put(core: Core, *subjects: str) -> None:
    async with core.database.write() as tx:
        for subject in subjects:
            await work.add(tx, "k", subject, now=core.clock.now())


async def done(core: Core) -> list[str]:
    found: list[str] = []

    async def do(items: list[Item]) -> None:
        found.extend(sorted(item.subject for item in items))

    await work_through(core.database, core.clock, "k", do)
    return found


async def fails(_: list[Item]) -> None:
    raise Busy("not now", retry_after_seconds=1)


async def breaks(_: list[Item]) -> None:
    raise ValueError("a bug")


async def test_what_is_due_is_done_once_and_together(core: Core) -> None:
    await put(core, "a", "b")

    assert await done(core) == ["a", "b"]
    assert await done(core) == []


async def test_what_is_busy_comes_back_later_and_later(core: Core) -> None:
    await put(core, "a")

    for delay in (5, 10, 20):
        assert await work_through(core.database, core.clock, "k", fails) == 0
        core.clock.move(delay - 1)
        assert await work_through(core.database, core.clock, "k", fails) == 0
        core.clock.move(1)

    assert await done(core) == ["a"]


async def test_a_bug_flies_and_the_item_comes_back_when_its_lease_has_run_out(core: Core) -> None:
    await put(core, "a")
    with pytest.raises(ValueError, match="a bug"):
        await work_through(core.database, core.clock, "k", breaks)

    assert await done(core) == []
    core.clock.move(LEASE_SECONDS)
    assert await done(core) == ["a"]


async def test_leases_of_a_dead_process_are_let_go(core: Core) -> None:
    await put(core, "a")
    with pytest.raises(ValueError, match="a bug"):
        await work_through(core.database, core.clock, "k", breaks)
    async with core.database.write() as tx:
        await work.release_all(tx, now=core.clock.now())

    assert await done(core) == ["a"]


def test_the_delay_is_an_hour_at_most() -> None:
    assert Item("i", "k", "s", attempts=1).delay_seconds == 5
    assert Item("i", "k", "s", attempts=1000).delay_seconds == 3600

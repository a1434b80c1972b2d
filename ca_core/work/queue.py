"""Working through deferred items of one kind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ca_core.clock import Clock
from ca_core.errors import Busy
from ca_core.store import work
from ca_core.store.database import Database
from ca_core.work.item import Item

LEASE_SECONDS = 120
_BATCH = 10_000


async def work_through(database: Database, clock: Clock, kind: str, do: Callable[[list[Item]], Awaitable[None]]) -> int:
    """Lease what is due, do it as one batch, and take it away; return how many items there were.

    What is busy is given back with a growing delay. Any other error leaves the lease to run out, and flies.
    """
    now = clock.now()
    async with database.read() as tx:
        if not await work.is_due(tx, kind, now=now):
            return 0
    async with database.write() as tx:
        items = await work.lease(tx, kind, now=now, until=now + LEASE_SECONDS, most=_BATCH)
    try:
        await do(items)
    except Busy:
        async with database.write() as tx:
            for item in items:
                await work.postpone(tx, item.id, due_at=clock.now() + item.delay_seconds)
        return 0
    async with database.write() as tx:
        for item in items:
            await work.finish(tx, item.id)
    return len(items)

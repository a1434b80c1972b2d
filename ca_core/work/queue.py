"""Working through deferred items of one kind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from operator import attrgetter

import msgspec

from ca_core.clock import Clock
from ca_core.errors import Busy
from ca_core.store import work
from ca_core.store.database import Database
from ca_core.work.item import LONGEST_DELAY_SECONDS, Item

LEASE_SECONDS = 120
_BATCH = 10_000


class Pace(msgspec.Struct, frozen=True):
    """How long who works may be silent before others take over, and how long what is busy waits at most."""

    lease_seconds: int = LEASE_SECONDS
    longest_delay_seconds: int = LONGEST_DELAY_SECONDS


async def work_through(database: Database, clock: Clock, kind: str, do: Callable[[list[Item]], Awaitable[None]]) -> int:
    """Lease what is due, do it as one batch, and take it away; return how many items there were.

    What is busy is given back with a growing delay. Any other error leaves the lease to run out, and flies.
    """
    items = await _leased(database, clock, kind, Pace())
    return await _done(database, clock, items, do, Pace()) if items else 0


async def work_by_subject(
    database: Database, clock: Clock, kind: str, do: Callable[[list[Item]], Awaitable[None]], *, pace: Pace
) -> int:
    """Lease what is due and do it, the items of one subject together; return how many items were done.

    No subject waits for another one: what is busy is given back, with a growing delay, by itself, and any
    other error leaves that subject's lease to run out, and flies when the others are done.
    """
    items = sorted(await _leased(database, clock, kind, pace), key=attrgetter("subject"))
    groups = [list(group) for _, group in groupby(items, key=attrgetter("subject"))]
    outcomes = await asyncio.gather(
        *(_done(database, clock, group, do, pace) for group in groups), return_exceptions=True
    )
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return sum(outcome for outcome in outcomes if isinstance(outcome, int))


async def _leased(database: Database, clock: Clock, kind: str, pace: Pace) -> list[Item]:
    now = clock.now()
    until, latest = now + pace.lease_seconds, now + pace.longest_delay_seconds
    async with database.read() as tx:
        if not await work.is_due(tx, kind, now=now, until=until, latest=latest):
            return []
    async with database.write() as tx:
        return await work.lease(tx, kind, now=now, until=until, most=_BATCH, latest=latest)


async def _done(
    database: Database,
    clock: Clock,
    items: Sequence[Item],
    do: Callable[[list[Item]], Awaitable[None]],
    pace: Pace,
) -> int:
    try:
        await do(list(items))
    except Busy:
        async with database.write() as tx:
            for item in items:
                delay_seconds = min(item.delay_seconds, pace.longest_delay_seconds)
                await work.postpone(tx, item.id, due_at=clock.now() + delay_seconds)
        return 0
    async with database.write() as tx:
        await work.finish(tx, *(item.id for item in items))
    return len(items)

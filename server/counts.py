"""What must be counted once, however many processes serve: nonces, limits and replays, in memory or in the store."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ca_core.clock import Clock
from ca_core.metering import Meters, SharedMeter, own_meter
from ca_core.registration.credential import SecretKeeper
from ca_core.store import buckets
from ca_core.store.database import Database
from protocols.acme.nonces import Nonces
from protocols.acme.spending import OwnSpending, SharedSpending, Spending
from protocols.cmc.replays import OwnReplays, Replays, SharedReplays

_KEY_OCTETS = 32


@dataclass(frozen=True)
class Counts:
    """Who counts.

    Attributes:
        open: called before the first door opens, and every few seconds from then on.
        forget: takes away what nobody needs any more; one process does it for all.
    """

    meters: Meters
    spending: Spending
    replays: Replays
    open: Callable[[], Awaitable[None]]
    forget: Callable[[], Awaitable[None]]


def counts(database: Database, clock: Clock, keeper: SecretKeeper) -> Counts:
    """In memory where one process serves, in the store where several do."""
    return _shared(database, clock, keeper) if database.is_shared else _own(clock)


def _own(clock: Clock) -> Counts:
    async def nothing() -> None:
        pass

    spending = OwnSpending(clock, Nonces(secrets.token_bytes(_KEY_OCTETS)))
    return Counts(own_meter, spending, OwnReplays(), nothing, nothing)


def _shared(database: Database, clock: Clock, keeper: SecretKeeper) -> Counts:
    spending, replays = SharedSpending(database, clock, keeper.key_from), SharedReplays(database)

    async def forget() -> None:
        await spending.forget()
        await replays.forget(now=clock.now())
        async with database.write() as tx:
            await buckets.forget_full(tx, now=clock.now())

    return Counts(SharedMeter, spending, replays, spending.open, forget)

"""What has run out is shown so at once (`objects`), and marked so by and by, to be found as what it is."""

from __future__ import annotations

from ca_core.clock import Clock
from ca_core.store.database import Database
from protocols.acme.records import authorizations, orders
from protocols.acme.resources.orders import EXPIRED


class Expiry:
    """Marks orders and authorizations whose time ran out while they waited."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def turn(self) -> None:
        """One turn of the worker."""
        now = self._clock.now()
        async with self._database.read() as tx:
            if not await orders.have_run_out(tx, now=now):
                return
        async with self._database.write() as tx:
            await orders.expire(tx, EXPIRED, now=now)
            await authorizations.expire(tx, now=now)

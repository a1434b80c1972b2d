"""What has run out is shown so at once (`objects`), marked so by and by, and cleared away in the end."""

from __future__ import annotations

from ca_core.clock import Clock
from ca_core.store import holds
from ca_core.store.database import Database
from protocols.acme.records import authorizations, leftovers, orders
from protocols.acme.resources.orders import EXPIRED

_DAY_SECONDS = 86_400

KEPT_SECONDS = 90 * _DAY_SECONDS
"""How long an order can be looked at that came to nothing, and an authorization that ran out without any."""
REMEMBERED_SECONDS = 30 * _DAY_SECONDS
"""How long failures of a name are counted together, where none follows and it is not paused."""

_AT_ONCE = 100
"""An order may have a hundred authorizations: nobody waits long for so many to be removed."""


class Expiry:
    """Marks orders and authorizations whose time ran out while they waited; removes what came to nothing long ago."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def turn(self) -> None:
        """One turn of the worker."""
        now = self._clock.now()
        await self._mark(now)
        await self._clear(now)

    async def _mark(self, now: int) -> None:
        async with self._database.read() as tx:
            if not await orders.have_run_out(tx, now=now):
                return
        async with self._database.write() as tx:
            await tx.hold(holds.LEFTOVERS)
            # In the order in which who settles a challenge takes them.
            await authorizations.expire(tx, now=now)
            await orders.expire(tx, EXPIRED, now=now)

    async def _clear(self, now: int) -> None:
        """Remove a batch; the next turn has the next one."""
        kept, remembered = now - KEPT_SECONDS, now - REMEMBERED_SECONDS
        async with self._database.read() as tx:
            if not (
                await leftovers.old_orders(tx, before=kept, most=1)
                or await leftovers.old_authorizations(tx, before=kept, most=1)
                or await leftovers.old_failures(tx, before=remembered, most=1)
            ):
                return
        async with self._database.write() as tx:
            await tx.hold(holds.LEFTOVERS)
            for id_ in await leftovers.old_orders(tx, before=kept, most=_AT_ONCE):
                await leftovers.clear_order(tx, id_, now=now)
            for id_ in await leftovers.old_authorizations(tx, before=kept, most=_AT_ONCE):
                await leftovers.clear_authorization(tx, id_, now=now)
            found = await leftovers.old_failures(tx, before=remembered, most=_AT_ONCE)
            await leftovers.clear_failures(tx, found)

"""Names that only fail: after many failures in a row a name is paused for its account, until somebody looks at it.

Such clients are left alone by their owners and try on for years; each try costs a probe, and somebody else's host an
unwanted request.
"""

from __future__ import annotations

from collections.abc import Collection

from ca_core.audit import journal
from ca_core.clock import Clock
from ca_core.errors import NotFound
from ca_core.names import Identifier
from ca_core.store import registrations
from ca_core.store.database import Database, Transaction
from protocols.acme.events import NamePaused, NameUnpaused
from protocols.acme.limits import Limits
from protocols.acme.objects import Account, Challenge
from protocols.acme.probes import OUR_PROBLEM, Seen
from protocols.acme.records import failures
from protocols.acme.records.failures import Failing

OVER_SECONDS = 86_400
"""How long a name must have failed before it is paused: who tries things out for an afternoon is let go on."""


class Outcomes:
    """What probes bring is counted here, in the transaction that stores it."""

    def __init__(self, limits: Limits, *, paused_after: int) -> None:
        self._limits = limits
        self._paused_after = paused_after

    async def note(
        self,
        tx: Transaction,
        account: Account,
        challenge: Challenge,
        identifier: Identifier,
        *,
        seen: Seen,
        actor: str,
        now: int,
    ) -> None:
        """Count a failure for limits and pauses; a success begins anew, and a bug of ours is nobody's failure."""
        is_ours = seen.problem == OUR_PROBLEM
        if is_ours:
            return
        if seen.proved:
            await failures.forget(tx, account.id, identifier)
            return
        await self._limits.looked_in_vain(tx, account, source=challenge.answered_from, now=now)
        number = await failures.count(
            tx, account.id, identifier, paused_after=self._paused_after, over_seconds=OVER_SECONDS, now=now
        )
        if number is not None:
            event = NamePaused(account=account.id, name=str(identifier), failures=number)
            await journal.record(tx, event, now=now, actor=actor, registration_id=account.registration_id)


class Pauses:
    """Pauses are looked at and lifted: by a command, and by whatever page offers the same."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def every(self, registered_as: str | None = None) -> list[Failing]:
        """The names that are paused, of one site account or of all."""
        async with self._database.read() as tx:
            return await failures.paused(tx, registered_as)

    async def lift(self, registered_as: str, names: Collection[Identifier] | None, *, actor: str) -> list[Failing]:
        """Let names of a site account be ordered again; returns what was lifted.

        Args:
            names: None means all.

        Raises:
            NotFound: no such account, or one of the names is not paused; then nothing is lifted.
        """
        now = self._clock.now()
        async with self._database.write() as tx:
            if await registrations.by_account(tx, registered_as) is None:
                raise NotFound(f"there is no account {registered_as[:64]}")
            found = await failures.paused(tx, registered_as)
            lifted = [one for one in found if names is None or one.identifier in names]
            if names is not None and (others := set(names) - {one.identifier for one in lifted}):
                raise NotFound(f"{min(others)} is not paused for {registered_as}; see: soapstone paused")
            for one in lifted:
                if not await failures.forget(tx, one.account_id, one.identifier):
                    continue
                event = NameUnpaused(account=one.account_id, name=str(one.identifier))
                await journal.record(tx, event, now=now, actor=actor, registration_id=one.registration_id)
        return lifted

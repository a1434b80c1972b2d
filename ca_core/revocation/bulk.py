"""Revoking many at once: first a dry run, then batches that can be taken up again where a run was cut off."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from ca_core.audit import journal
from ca_core.audit.event import BulkRevocationRun
from ca_core.clock import Clock
from ca_core.errors import BadReason, WrongState
from ca_core.revocation import acts, rules
from ca_core.revocation.acts import Act
from ca_core.revocation.reason import Reason
from ca_core.revocation.rules import Asker
from ca_core.revocation.selector import Selector
from ca_core.store import certificates, holds
from ca_core.store.certificates import Certificate
from ca_core.store.database import Database

BATCH = 500
"""Long enough that a commit costs little for each, short enough that the server is not kept waiting."""


class Found(msgspec.Struct, frozen=True):
    """What a selector means today.

    Attributes:
        certificates: live ones, by serial.
        along: others that a compromised key takes along, not selected; those among them that were revoked for
            another reason get this one.
        unknown: serials that were listed and are no live certificates.
    """

    certificates: tuple[Certificate, ...]
    along: tuple[Certificate, ...]
    unknown: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many a run would revoke."""
        return len(self.certificates) + len(self.along)


class BulkRevocation:
    """Revokes what a selector names: live certificates, those on hold included, whatever their profile's rule.

    Args:
        batch: how many are read or revoked in one transaction.
    """

    def __init__(self, database: Database, clock: Clock, *, batch: int = BATCH) -> None:
        self._database = database
        self._clock = clock
        self._batch = batch

    async def find(self, selector: Selector, reason: Reason) -> Found:
        """The dry run: what would be revoked now for this reason. Changes nothing."""
        now = self._clock.now()
        found: list[Certificate] = []
        after = ""
        while True:
            async with self._database.read() as tx:
                page = await certificates.live(tx, selector, after=after, now=now, most=self._batch)
            # A hundred thousand certificates fit into memory without their bytes.
            found += [msgspec.structs.replace(one, der=b"") for one in page if selector.matches(one)]
            if len(page) < self._batch:
                break
            after = page[-1].serial
        along = await self._along(found, now=now) if reason is Reason.KEY_COMPROMISE else []
        unknown = selector.serials - {certificate.serial for certificate in found + along}
        return Found(tuple(found), tuple(along), tuple(sorted(unknown)))

    async def run(
        self, found: Found, selector: Selector, reason: Reason, *, actor: str, expected: int | None, note: str = ""
    ) -> AsyncIterator[int]:
        """Revoke what was found, batch by batch; yields how many each batch revoked.

        What somebody else revoked meanwhile is passed over; what a compromised key takes along counts. A run that
        was cut off is taken up again by the next one: what is revoked already is not found any more.

        Args:
            expected: how many the dry run promised; None where nobody counted.

        Raises:
            BadReason: not one that revokes for good.
            WrongState: it is not as many as were promised.
        """
        rules.require_final(reason)
        if expected is not None and expected != found.count:
            raise WrongState(f"the selector finds {found.count} certificates, not {expected}; look at a new dry run")
        if not selector.is_narrow:
            raise BadReason("nothing selects the certificates; give at least one condition")
        for first in range(0, len(found.certificates), self._batch):
            batch = found.certificates[first : first + self._batch]
            yield await self._revoke(batch, selector, reason, actor=actor, note=note)

    async def _along(self, found: list[Certificate], *, now: int) -> list[Certificate]:
        """What else the keys of certificates take along."""
        selected = {certificate.serial for certificate in found}
        keys = sorted({certificate.spki_sha256 for certificate in found})
        along: list[Certificate] = []
        for first in range(0, len(keys), self._batch):
            async with self._database.read() as tx:
                for key in keys[first : first + self._batch]:
                    taken = await acts.taken_along(tx, key, Reason.KEY_COMPROMISE, Asker.OPERATOR, now=now)
                    along += [msgspec.structs.replace(one, der=b"") for one in taken if one.serial not in selected]
        return along

    async def _revoke(
        self, batch: tuple[Certificate, ...], selector: Selector, reason: Reason, *, actor: str, note: str
    ) -> int:
        act = Act(reason=reason, asker=Asker.OPERATOR, actor=actor, now=self._clock.now(), note=note)
        async with self._database.write() as tx:
            await tx.hold(holds.STATUSES)
            revoked = await acts.revoke_each(tx, [certificate.serial for certificate in batch], act)
            if revoked:
                event = BulkRevocationRun(
                    selector=str(selector),
                    reason=reason.text,
                    count=len(revoked),
                    last_serial=batch[-1].serial,
                    note=note,
                )
                await journal.record(tx, event, now=act.now, actor=actor)
        return len(revoked)

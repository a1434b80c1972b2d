"""Having certificates replaced before their time, ahead of a revocation: whoever renews now is never without one."""

from __future__ import annotations

from ca_core.audit import journal
from ca_core.audit.event import Event
from ca_core.clock import Clock
from ca_core.revocation.bulk import BATCH
from ca_core.revocation.selector import Selector
from ca_core.store import certificates
from ca_core.store.certificates import Certificate
from ca_core.store.database import Database


class CertificatesRecalled(Event, frozen=True, tag="certificates-recalled"):
    """The operator wants a batch of certificates replaced before their time, or no more.

    Attributes:
        selector: what was selected, in words.
        last_serial: the batch's last one.
        taken_back: whether a recall was taken back.
    """

    selector: str
    count: int
    last_serial: str
    taken_back: bool = False
    note: str = ""


class Recall:
    """Opens the renewal windows of live certificates now, and tells their clients so (RFC 9773)."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run(
        self, found: tuple[Certificate, ...], selector: Selector, *, actor: str, note: str = "", undo: bool = False
    ) -> int:
        """Recall what was found, batch by batch, or take that back; return how many it changed for.

        Args:
            selector: what was looked for, for the journal.
        """
        changed = 0
        for first in range(0, len(found), BATCH):
            serials = [certificate.serial for certificate in found[first : first + BATCH]]
            changed += await self._batch(serials, selector, actor=actor, note=note, undo=undo)
        return changed

    async def _batch(self, serials: list[str], selector: Selector, *, actor: str, note: str, undo: bool) -> int:
        now = self._clock.now()
        async with self._database.write() as tx:
            changed = [one for one in serials if await certificates.recall(tx, one, at=None if undo else now)]
            if changed:
                event = CertificatesRecalled(
                    selector=str(selector), count=len(changed), last_serial=changed[-1], taken_back=undo, note=note
                )
                await journal.record(tx, event, now=now, actor=actor)
        return len(changed)

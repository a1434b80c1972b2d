"""Publishing CRLs: after a revocation, and before the one before has lost half of its life."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from ca_core import der
from ca_core.audit import journal
from ca_core.audit.event import CrlPublished
from ca_core.clock import Clock
from ca_core.errors import NotFound
from ca_core.issuance.authorities import IssuingCa
from ca_core.revocation import crl
from ca_core.store import publications, revocations
from ca_core.store.database import Database
from ca_core.store.publications import Publication
from ca_core.work.item import PUBLISH_CRL, Item
from ca_core.work.queue import work_through

ACTOR = "server:publisher"


class CrlIssuer(msgspec.Struct, frozen=True):
    """A CA that signs CRLs, and how long each is good for."""

    ca: IssuingCa
    lifetime_seconds: int

    @property
    def name(self) -> str:
        """As in `/crl/NAME.crl`."""
        return self.ca.certificate.name


class Publisher:
    """Signs and stores CRLs; the repository serves the newest.

    Args:
        issuers: tells which CAs sign CRLs now; they come and go while the server runs.
    """

    def __init__(self, database: Database, clock: Clock, issuers: Callable[[], Sequence[CrlIssuer]]) -> None:
        self._database = database
        self._clock = clock
        self._issuers = issuers

    async def newest(self, name: str) -> Publication:
        """The CRL to serve.

        Raises:
            NotFound: no such issuer, or nothing published yet.
        """
        async with self._database.read() as tx:
            publication = await publications.newest(tx, name)
        if publication is None:
            raise NotFound("there is no such CRL")
        return publication

    async def turn(self) -> None:
        """One turn of the worker: publish what revocations ask for, then what has lost half of its life."""
        await work_through(self._database, self._clock, PUBLISH_CRL, self._publish_items)
        for issuer in self._issuers():
            if await self._is_due(issuer):
                await self._publish(issuer)

    async def publish_all(self) -> list[Publication]:
        """Publish every issuer's CRL now."""
        return [await self._publish(issuer) for issuer in self._issuers()]

    async def _publish_items(self, items: list[Item]) -> None:
        wanted = {item.subject for item in items}
        for issuer in self._issuers():
            if issuer.name in wanted:
                await self._publish(issuer)

    async def _is_due(self, issuer: CrlIssuer) -> bool:
        async with self._database.read() as tx:
            lives = await publications.lives(tx, issuer.name)
        if lives is None:
            return True
        this_update, next_update = lives
        # A CRL from the future was made by a clock that was wrong; nobody accepts it.
        return not this_update <= self._clock.now() < (this_update + next_update) // 2

    async def _publish(self, issuer: CrlIssuer) -> Publication:
        """Read, sign, store; whoever stores a number first wins, and the other one starts again."""
        while True:
            async with self._database.read() as tx:
                last = await publications.newest(tx, issuer.name)
                entries = await revocations.entries(tx, issuer.name)
            publication = await self._signed(issuer, entries, number=last.number + 1 if last else 1)
            async with self._database.write() as tx:
                if await publications.replace(tx, publication):
                    event = CrlPublished(name=publication.name, number=publication.number)
                    await journal.record(tx, event, now=publication.this_update, actor=ACTOR)
                    return publication

    async def _signed(self, issuer: CrlIssuer, entries: list[bytes], *, number: int) -> Publication:
        now = self._clock.now()
        certificate, key = issuer.ca.certificate, issuer.ca.key
        next_update = now + issuer.lifetime_seconds
        tbs = crl.tbs_crl(
            issuer_subject_der=certificate.subject_der,
            key_identifier=certificate.key_identifier,
            algorithm=key.algorithm,
            entries=entries,
            number=number,
            this_update=now,
            next_update=next_update,
        )
        signed = der.assemble(tbs, key.algorithm, await key.sign(tbs))
        return Publication(issuer.name, number, now, next_update, signed)

"""The shelf: the newest CRLs, in memory, so that a list of megabytes is not read anew for each who asks."""

from __future__ import annotations

import asyncio
import io
from collections import OrderedDict, defaultdict

import msgspec

from ca_core.errors import NotFound
from ca_core.store import publications
from ca_core.store.database import Database
from ca_core.store.publications import Edition


class Publication(msgspec.Struct, frozen=True):
    """One published CRL with its bytes.

    Attributes:
        name: as in `/crl/NAME.crl`.
        number: the CRL number.
        this_update, next_update: UTC seconds.
    """

    name: str
    number: int
    this_update: int
    next_update: int
    der: bytes


class Shelf:
    """Holds what was asked for last.

    Args:
        most_octets: in all; one list is held however long it is.
    """

    def __init__(self, database: Database, *, most_octets: int = 64 << 20) -> None:
        self._database = database
        self._most_octets = most_octets
        self._held: OrderedDict[str, tuple[str, Publication]] = OrderedDict()
        self._fetching: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def newest(self, name: str) -> Publication:
        """The CRL to serve; whether a newer one was published, here or by another process, is asked each time.

        Raises:
            NotFound: no such issuer or shard, or nothing published yet.
        """
        edition = await self._edition(name)
        held = self._take(edition)
        if held is not None:
            return held
        # Whoever comes while it is read waits for the same bytes.
        async with self._fetching[name]:
            while True:
                held = self._take(edition) or await self._fetch(edition)
                if held is not None:
                    return held
                before, edition = edition, await self._edition(name)
                if edition == before:
                    raise NotFound("this CRL is not whole; have the operator run: soapstone crl publish")

    async def _edition(self, name: str) -> Edition:
        async with self._database.read() as tx:
            edition = await publications.newest(tx, name)
        if edition is None:
            raise NotFound("there is no such CRL")
        return edition

    def _take(self, edition: Edition) -> Publication | None:
        body, publication = self._held.get(edition.name, ("", None))
        if body != edition.body:
            return None
        self._held.move_to_end(edition.name)
        return publication

    async def _fetch(self, edition: Edition) -> Publication | None:
        """Read a CRL and hold it; None when it was replaced while it was being read."""
        # The one before makes room first.
        self._held.pop(edition.name, None)
        # Its value is its buffer: nothing is copied when the last part is in.
        whole = io.BytesIO()
        for part in range(edition.parts):
            async with self._database.read() as tx:
                octets = await publications.read_part(tx, edition.body, part)
            if octets is None:
                return None
            whole.write(octets)
        publication = Publication(
            edition.name, edition.number, edition.this_update, edition.next_update, whole.getvalue()
        )
        self._held[edition.name] = (edition.body, publication)
        while len(self._held) > 1 and self._octets() > self._most_octets:
            self._held.popitem(last=False)
        return publication

    def _octets(self) -> int:
        return sum(len(publication.der) for _, publication in self._held.values())

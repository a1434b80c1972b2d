"""The press: makes one CRL, from the stored entries to the stored parts, however many entries there are.

A million entries are 45 MB. They are read, joined, signed and stored in pieces or in another thread, so that
nobody who is served meanwhile waits for them, and one list of many is made at a time, so that memory holds two
copies. Short ones wait for none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import msgspec

from ca_core import der
from ca_core.audit import journal
from ca_core.audit.event import CrlPublished
from ca_core.clock import Clock
from ca_core.identity import new_id
from ca_core.issuance.authorities import IssuingCa
from ca_core.issuance.chain import crl_url_of
from ca_core.revocation import crl
from ca_core.store import publications, revocations
from ca_core.store.database import Database
from ca_core.store.publications import Edition

ACTOR = "server:publisher"
# Longer than any publication takes: what is older and named by nobody belongs to a process that died.
_ORPHANED_SECONDS = 3600
_SWEPT_AT_ONCE = 2


class CrlIssuer(msgspec.Struct, frozen=True):
    """A CA that signs CRLs, how long each is good for, and how many shards its new certificates are spread over."""

    ca: IssuingCa
    lifetime_seconds: int
    shards: int = 1

    @property
    def name(self) -> str:
        """As in `/crl/NAME.crl`."""
        return self.ca.certificate.name


class Press:
    """Reads, signs and stores; whoever stores first wins, and the other one starts again.

    Args:
        part_octets: how much is stored in one transaction, for which other writers wait.
        short_octets: up to which a list's entries are read without waiting until no long list is in memory. Of a key
            that hangs nobody knows before it was asked, and short lists do not wait for it.
    """

    def __init__(
        self, database: Database, clock: Clock, *, part_octets: int = 1 << 20, short_octets: int = 4 << 20
    ) -> None:
        self._database = database
        self._clock = clock
        self._part_octets = part_octets
        self._short_octets = short_octets
        self._long = asyncio.Lock()

    async def publish(self, issuer: CrlIssuer, shard: int, *, actor: str = ACTOR) -> Edition:
        """Publish one CRL with what is revoked now.

        Raises:
            Busy: the key or the store cannot be used now.
        """
        while True:
            async with AsyncExitStack() as memory:
                edition = await self._attempt(issuer, shard, memory, actor=actor)
            if edition is not None:
                return edition

    async def _attempt(self, issuer: CrlIssuer, shard: int, memory: AsyncExitStack, *, actor: str) -> Edition | None:
        """None when somebody else has published meanwhile, perhaps from older entries."""
        # A key that is known to be away is not worth reading a million entries.
        issuer.ca.key.require_ready()
        async with self._database.read() as tx:
            last = await publications.newest(tx, crl.name_of(issuer.name, shard))
            addresses = await publications.addresses(tx, issuer.name)
        # The time is taken before the entries are read: what is revoked later is said by a later list.
        now = self._clock.now()
        entries = await self._entries(issuer, shard, memory, since=_since(last, issuer, now))
        # Seconds since 1970 keep the numbers growing after an older backup was restored (RFC 5280, 5.2.3).
        number = max(last.number + 1, now) if last else now
        places = dict.fromkeys([issuer.ca.certificate.crl_url, *addresses])
        urls = [crl_url_of(place, shard) for place in places] if shard else []
        tbs = await _to_be_signed(issuer, entries, urls, number=number, now=now)
        signature = await issuer.ca.key.sign(tbs)
        edition = Edition(
            issuer=issuer.name,
            shard=shard,
            number=number,
            this_update=now,
            next_update=now + issuer.lifetime_seconds,
            body=new_id(now),
            parts=-(-len(tbs) // self._part_octets),
        )
        for part, octets in enumerate(self._parts(tbs, *der.framing(len(tbs), issuer.ca.key.algorithm, signature))):
            async with self._database.write() as tx:
                await publications.write_part(tx, edition, part, octets, now=now)
        is_newest = await self._replaced(edition, last, actor=actor)
        await self._sweep(edition, last if is_newest else edition)
        return edition if is_newest else None

    async def _entries(self, issuer: CrlIssuer, shard: int, memory: AsyncExitStack, *, since: int) -> list[bytes]:
        """What a CRL lists, in pages: of its shard, or, the full one, of all of them.

        Args:
            memory: holds the place of the long list, if this is one, until it is closed.
        """
        pages: list[bytes] = []
        octets = 0
        current: int | None = shard
        while current is not None:
            after: tuple[int, str] | None = (since, "")
            while after is not None:
                async with self._database.read() as tx:
                    page = await revocations.page(tx, issuer.name, current, after=after)
                pages.append(page.entries)
                was, octets = octets, octets + len(page.entries)
                if was <= self._short_octets < octets:
                    await memory.enter_async_context(self._long)
                after = page.last
            if shard != crl.FULL:
                break
            async with self._database.read() as tx:
                current = await revocations.next_shard(tx, issuer.name, after=current)
        return pages

    def _parts(self, tbs: bytes, before: bytes, after: bytes) -> Iterator[bytes]:
        """The whole list, part by part: there is never a second copy of what was signed."""
        for start in range(0, len(tbs), self._part_octets):
            end = start + self._part_octets
            yield (before if not start else b"") + tbs[start:end] + (after if end >= len(tbs) else b"")

    async def _replaced(self, edition: Edition, last: Edition | None, *, actor: str) -> bool:
        async with self._database.write() as tx:
            if not await publications.replace(tx, edition, was=last.number if last else None):
                return False
            event = CrlPublished(name=edition.issuer, number=edition.number, shard=edition.shard)
            await journal.record(tx, event, now=edition.this_update, actor=actor)
        return True

    async def _sweep(self, edition: Edition, loser: Edition | None) -> None:
        """Remove the parts of the loser, and those that a process left that died; a few at a time, as they came."""
        async with self._database.read() as tx:
            stale = await publications.leftovers(tx, edition.name, before=edition.this_update - _ORPHANED_SECONDS)
        if loser is not None:
            stale += [(loser.body, part) for part in range(loser.parts)]
        for start in range(0, len(stale), _SWEPT_AT_ONCE):
            async with self._database.write() as tx:
                await publications.delete_parts(tx, stale[start : start + _SWEPT_AT_ONCE])


def _since(last: Edition | None, issuer: CrlIssuer, now: int) -> int:
    """From which notAfter on certificates are listed, UTC seconds.

    An entry leaves only after a list that was issued beyond its certificate's notAfter has shown it (RFC 5280,
    3.3); as long again as a list lives, so that no reader misses that one.
    """
    lived_out = now - issuer.lifetime_seconds
    return min(lived_out, last.this_update) if last else lived_out


async def _to_be_signed(issuer: CrlIssuer, entries: list[bytes], urls: list[str], *, number: int, now: int) -> bytes:
    certificate = issuer.ca.certificate
    tbs = await asyncio.to_thread(
        crl.tbs_crl,
        issuer_subject_der=certificate.subject_der,
        key_identifier=certificate.key_identifier,
        algorithm=issuer.ca.key.algorithm,
        entries=entries,
        number=number,
        this_update=now,
        next_update=now + issuer.lifetime_seconds,
        shard_urls=urls,
    )
    # They are in the list now, and need no room beside it.
    entries.clear()
    return tbs

"""Publishing CRLs: after a revocation, and before the one before has lost half of its life.

Everything is published as deferred work, so that it survives a crash and one server of a cluster does it. A CA
has its full CRL, and the shards that its certificates point to: those that settings ask for, and those that they
asked for when certificates were issued that have not expired.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import msgspec

from ca_core.clock import Clock
from ca_core.errors import Busy
from ca_core.revocation.crl import FULL, name_of
from ca_core.revocation.press import ACTOR, CrlIssuer, Press
from ca_core.revocation.shelf import Publication, Shelf
from ca_core.store import publications, shards, work
from ca_core.store.database import Database
from ca_core.store.publications import Edition
from ca_core.work.item import PUBLISH_CRL, Item
from ca_core.work.queue import Pace, work_by_subject

__all__ = ["CrlIssuer", "Outcome", "Publisher"]

# Half of the 60 s in which a revocation is shown (RULES, S11): another server takes over from one that died,
# and a token that has come back is tried again, in time.
_PACE = Pace(lease_seconds=30, longest_delay_seconds=30)
_MOST_DUE_AT_ONCE = 100
_MOST_ATTEMPTS_FOR_STRANGERS = 10
_STRANGER_RETRY_SECONDS = 5


class Outcome(msgspec.Struct, frozen=True):
    """What came of publishing every CRL.

    Attributes:
        editions: those that were published.
        failures: by the name of a CA, why its CRLs were not, or not all of them.
    """

    editions: tuple[Edition, ...]
    failures: dict[str, Busy]


class Publisher:
    """Has CRLs made in time; the repository serves the newest.

    Args:
        issuers: tells which CAs sign CRLs now; they come and go while the server runs.
    """

    def __init__(self, database: Database, clock: Clock, issuers: Callable[[], Sequence[CrlIssuer]]) -> None:
        self._database = database
        self._clock = clock
        self._issuers = issuers
        self._press = Press(database, clock)
        self._shelf = Shelf(database)
        self._shards: dict[str, frozenset[int]] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def newest(self, name: str) -> Publication:
        """The CRL to serve: `issuing`, or `issuing.7` for a shard.

        Raises:
            NotFound: no such issuer or shard, or nothing published yet.
        """
        return await self._shelf.newest(name)

    async def turn(self) -> None:
        """One turn of the worker: ask for what is due, then publish that and what revocations ask for."""
        issuers = {issuer.name: issuer for issuer in self._issuers()}
        for issuer in issuers.values():
            if issuer.name not in self._shards:
                await self._ask(await self._get_to_know(issuer))
        await self._ask_for_what_is_due(issuers)
        publish = partial(self._publish_items, failures={})
        await work_by_subject(self._database, self._clock, PUBLISH_CRL, publish, pace=_PACE)

    async def publish_all(self, *, actor: str = ACTOR) -> list[Edition]:
        """Publish every CRL now.

        Raises:
            Busy: a CA's key or the store cannot be used now; the CRLs of the other CAs are published.
        """
        outcome = await self.publish_what_can_be(actor=actor)
        for busy in outcome.failures.values():
            raise busy
        return list(outcome.editions)

    async def publish_what_can_be(self, *, actor: str = ACTOR) -> Outcome:
        """Publish every CRL now, and say of which CAs that did not succeed.

        Raises:
            StoreUnavailable: it cannot be told which CRLs there are.
        """
        editions: list[Edition] = []
        failures: dict[str, Busy] = {}
        for issuer in self._issuers():
            await self._get_to_know(issuer)
            for shard in sorted(self._shards[issuer.name]):
                # Written down already; the CA's other shards end at once.
                with suppress(Busy):
                    editions.append(await self._publish(issuer, shard, failures, actor=actor))
        return Outcome(tuple(editions), failures)

    async def _publish(
        self, issuer: CrlIssuer, shard: int, failures: dict[str, Busy], *, actor: str = ACTOR
    ) -> Edition:
        """Publish one CRL. The CRLs of a CA take turns; CAs do not wait for each other.

        Args:
            failures: of this round, by CA. A token that hangs takes seconds to say so: it is asked once a round,
                and not once for each shard.

        Raises:
            Busy: the key or the store cannot be used now.
        """
        async with self._turns[issuer.name]:
            if busy := failures.get(issuer.name):
                raise Busy(str(busy), retry_after_seconds=busy.retry_after_seconds)
            try:
                return await self._press.publish(issuer, shard, actor=actor)
            except Busy as busy:
                failures[issuer.name] = busy
                raise

    async def _get_to_know(self, issuer: CrlIssuer) -> list[tuple[str, int]]:
        """Find out, once, which CRLs an issuer has; return those that were never published, or not where they are now.

        While settings stay as they are, certificates are issued into the shards that they name; those of
        earlier settings only become fewer.
        """
        now = self._clock.now()
        current = range(1, issuer.shards + 1) if issuer.shards > 1 else ()
        async with self._database.write() as tx:
            has_moved = await publications.add_address(tx, issuer.name, issuer.ca.certificate.crl_url, now=now)
        async with self._database.read() as tx:
            earlier = await shards.live(tx, issuer.name, since=now - issuer.lifetime_seconds)
            published = await publications.shards(tx, issuer.name)
        wanted = frozenset({FULL, *current, *earlier})
        self._shards[issuer.name] = wanted
        return [(issuer.name, shard) for shard in sorted(wanted if has_moved else wanted - published)]

    async def _ask_for_what_is_due(self, issuers: dict[str, CrlIssuer]) -> None:
        async with self._database.read() as tx:
            due = await publications.due(tx, now=self._clock.now())
        await self._ask(self._ours(due, issuers)[:_MOST_DUE_AT_ONCE], again=issuers)

    def _ours(self, crls: list[tuple[str, int]], issuers: dict[str, CrlIssuer]) -> list[tuple[str, int]]:
        """Of some CRLs those that are still published."""
        return [(name, shard) for name, shard in crls if name in issuers and shard in self._shards[name]]

    async def _ask(self, crls: list[tuple[str, int]], *, again: dict[str, CrlIssuer] | None = None) -> None:
        """Ask for CRLs that nobody has asked for.

        Args:
            again: for those that are due: what another server published a moment ago is not, and is asked about
                within the transaction.
        """
        if not crls:
            return
        now = self._clock.now()
        async with self._database.write() as tx:
            still = crls if again is None else set(self._ours(await publications.due(tx, now=now), again))
            for name, shard in crls:
                if (name, shard) in still:
                    await work.add_once(tx, PUBLISH_CRL, name_of(name, shard), now=now)

    async def _publish_items(self, items: list[Item], failures: dict[str, Busy]) -> None:
        name = items[0].subject
        issuer_name, _, number = name.partition(".")
        shard = int(number) if number else FULL
        for issuer in self._issuers():
            if issuer.name == issuer_name and issuer_name in self._shards:
                # Whatever was asked for shows somebody's certificate, also one that another server issued.
                self._shards[issuer.name] |= {shard}
                await self._publish(issuer, shard, failures)
                return
        # A CA that began a moment ago, and that this server will know soon; or one that ended and will not be back.
        if max(item.attempts for item in items) < _MOST_ATTEMPTS_FOR_STRANGERS:
            raise Busy(f"the CRL {name} is not published here", retry_after_seconds=_STRANGER_RETRY_SECONDS)

"""Who accepts nonces: this process alone, or all servers of one database together (DESIGN, invariant 7)."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from ca_core.clock import Clock
from ca_core.store.database import Database, Row, Statement
from protocols.acme.errors import BadNonce
from protocols.acme.nonces import LIFETIME_SECONDS, RANDOM_OCTETS, Mint, Nonces
from protocols.acme.records import nonces as records

SKEW_SECONDS = 60
"""How far servers' clocks may be from each other."""

_SEED_OCTETS = 32
_SLACK_SECONDS = 600
"""For how much longer marks are kept than nonces are good; more than any two clocks differ."""


T = TypeVar("T")


class Spending(Protocol):
    """Issues nonces without a write, and accepts each once."""

    def issue(self) -> str:
        """Make a nonce."""

    async def spend(self, nonce: str | None) -> None:
        """Accept a nonce, once. Call it after the signature was verified, so that nobody burns another's.

        Raises:
            BadNonce: absent, forged, too old, from the future, or spent; the answer's own nonce is a good one.
            StoreUnavailable: it cannot be told now.
        """

    async def spend_beside(self, nonce: str | None, database: Database, look: Statement) -> Row | None:
        """As `spend`, and return the first row of a look, in one journey to a store that is far.

        Raises:
            BadNonce, StoreUnavailable: as `spend`; the nonce that comes with a look in vain may be spent or not.
        """


class OwnSpending:
    """In memory, for a store that one process serves from."""

    def __init__(self, clock: Clock, nonces: Nonces) -> None:
        self._clock = clock
        self._nonces = nonces

    def issue(self) -> str:
        """Make a nonce."""
        return self._nonces.issue(self._clock.now(), secrets.token_bytes(RANDOM_OCTETS))

    async def spend(self, nonce: str | None) -> None:
        """Accept a nonce, once."""
        self._nonces.spend(nonce, self._clock.now())

    async def spend_beside(self, nonce: str | None, database: Database, look: Statement) -> Row | None:
        """Look, and accept a nonce, once."""
        async with database.read() as tx:
            row = await tx.one(look.sql, **look.values)
        self._nonces.spend(nonce, self._clock.now())
        return row


class SharedSpending:
    """In the store: what one server issued another accepts, and of all that are sent one to, one does.

    Args:
        keyed: makes the key of the nonces from a seed, alike on every server.
    """

    def __init__(self, database: Database, clock: Clock, keyed: Callable[[bytes], bytes]) -> None:
        self._database = database
        self._clock = clock
        self._keyed = keyed
        self._seed = b""
        # Until the store was asked, a key that nobody else has: its nonces are refused, with a good one in the answer.
        self._mint = Mint(secrets.token_bytes(_SEED_OCTETS))

    async def open(self) -> None:
        """Learn the seed; make one where there is none, at the first start of all and after a crash of the database.

        Raises:
            StoreUnavailable: it cannot be told now.
        """
        async with self._database.read() as tx:
            found = await records.seed(tx)
        # What is good only later was raised by a clock that was ahead, and would refuse everybody until then.
        if found is None or found[1] > self._clock.now():
            async with self._database.write() as tx:
                fresh = secrets.token_bytes(_SEED_OCTETS)
                if found is None:
                    await records.plant(tx, fresh)
                else:
                    await records.replace(tx, found[0], fresh)
                found = await records.seed(tx) or (fresh, 0)
        if found[0] != self._seed:
            self._seed = found[0]
            self._mint = Mint(self._keyed(self._seed), LIFETIME_SECONDS, skew_seconds=SKEW_SECONDS)

    def issue(self) -> str:
        """Make a nonce."""
        return self._mint.issue(self._clock.now(), secrets.token_bytes(RANDOM_OCTETS))

    async def spend(self, nonce: str | None) -> None:
        """Accept a nonce, once."""
        await self._persistently(lambda: self._spend(nonce))

    async def spend_beside(self, nonce: str | None, database: Database, look: Statement) -> Row | None:
        """Accept a nonce, once, and look."""
        return await self._persistently(lambda: self._spend_beside(nonce, database, look))

    async def _persistently(self, spend: Callable[[], Awaitable[T]]) -> T:
        seed = self._seed
        try:
            return await spend()
        except BadNonce:
            # It may be of a seed that another server has just made; or the seed is gone, and this answer has to bring
            # a nonce of the next one.
            await self.open()
            if self._seed == seed:
                raise
            return await spend()

    async def _spend(self, nonce: str | None) -> None:
        seed = self._seed
        read = self._mint.read(nonce, self._clock.now())
        is_spent, _ = await records.spend(self._database, seed, read.mark, issued_at=read.issued_at)
        if not is_spent:
            raise BadNonce

    async def _spend_beside(self, nonce: str | None, database: Database, look: Statement) -> Row | None:
        seed = self._seed
        read = self._mint.read(nonce, self._clock.now())
        is_spent, row = await records.spend(database, seed, read.mark, look, issued_at=read.issued_at)
        if row is not None and not is_spent:
            raise BadNonce
        return row

    async def forget(self) -> None:
        """Forget the marks of nonces that are too old for every clock."""
        async with self._database.write() as tx:
            await records.forget(tx, before=self._clock.now() - LIFETIME_SECONDS - _SLACK_SECONDS)

"""Requests that may come twice, answered once: of two that are sent at once with one key, one is carried out."""

from __future__ import annotations

from ca_core.clock import Clock
from ca_core.staff.repeat import KEPT_SECONDS, Asked, Given
from ca_core.staff.role import Actor
from ca_core.store import repeated_requests
from ca_core.store.database import Database


class Repeats:
    """Remembers for a day which requests were answered, and how; never a secret."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def now(self) -> int:
        """UTC seconds, by the clock that requests are put down by."""
        return self._clock.now()

    async def claim(self, key: str, digest: bytes, *, actor: Actor) -> Asked | None:
        """Begin to answer a request; returns None, or what its key stands for already.

        Args:
            key: as the client chose it; others' keys are others'.
        """
        now = self._clock.now()
        async with self._database.write() as tx:
            await repeated_requests.forget_before(tx, actor.name, key, before=now - KEPT_SECONDS)
            if await repeated_requests.claim(tx, actor.name, key, digest, now=now):
                return None
            earlier = await repeated_requests.find(tx, actor.name, key)
        # Refused and let go between the two statements: for whoever asks, it is still being answered.
        return earlier or Asked(digest, now, None)

    async def keep(self, key: str, given: Given, *, actor: Actor) -> None:
        """Remember what was answered."""
        async with self._database.write() as tx:
            await repeated_requests.keep(tx, actor.name, key, given)

    async def let_go(self, key: str, *, actor: Actor) -> None:
        """Nothing came of it: the key may be used again."""
        async with self._database.write() as tx:
            await repeated_requests.forget(tx, actor.name, key)

    async def turn(self) -> None:
        """One turn of the worker: forget what is older than a day."""
        async with self._database.write() as tx:
            await repeated_requests.forget_all(tx, before=self._clock.now() - KEPT_SECONDS)

"""Duties that one process of all has: locks of a connection of its own, which end with it, however it ends."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncpg

from ca_core.store.postgresql.faults import FAULTS, faults_as_ours

_LOCK_OCTETS = 8
_SILENCE_SECONDS = 5
"""After how long without an answer a duty is taken for lost."""


def lock_number(name: str) -> int:
    """What a name is to PostgreSQL's advisory locks."""
    digest = hashlib.blake2b(name.encode(), digest_size=_LOCK_OCTETS).digest()
    return int.from_bytes(digest, "big", signed=True)


class Duties:
    """Those that this process has.

    Args:
        opened: makes a connection.
    """

    def __init__(self, opened: Callable[[], Awaitable[asyncpg.Connection]]) -> None:
        self._open = opened
        self._turn = asyncio.Lock()
        self._connection: asyncpg.Connection | None = None
        self._held: set[str] = set()

    async def holds(self, duty: str) -> bool:
        """Whether this process has a duty; it takes what nobody has.

        Raises:
            StoreUnavailable: the database is away.
        """
        async with self._turn:
            is_answered = False
            try:
                with faults_as_ours():
                    await self._ask(duty)
                is_answered = True
            finally:
                # What was asked and not answered, the server may have granted.
                if not is_answered:
                    self._give_up()
            return duty in self._held

    async def close(self) -> None:
        """Give up every duty."""
        if self._connection is not None:
            with suppress(*FAULTS):
                await self._connection.close(timeout=_SILENCE_SECONDS)

    async def _ask(self, duty: str) -> None:
        if self._connection is None or self._connection.is_closed():
            # With the connection its locks are gone, and another process may have them by now.
            self._held.clear()
            self._connection = await self._open()
        if duty in self._held:
            # A connection that is cut off is like a calm one until something is asked.
            await self._connection.execute("SELECT 1", timeout=_SILENCE_SECONDS)
        elif await self._connection.fetchval(
            "SELECT pg_try_advisory_lock($1)", lock_number(f"duty:{duty}"), timeout=_SILENCE_SECONDS
        ):
            self._held.add(duty)

    def _give_up(self) -> None:
        if self._connection is not None:
            self._connection.terminate()

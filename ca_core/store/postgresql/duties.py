"""Duties that one process of all has: locks of a connection of its own, which end with it, however it ends."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

from ca_core.store.postgresql.link import Link, bound, rows_of

_LOCK_OCTETS = 8
_LOCK = "SELECT pg_try_advisory_lock(:number)"
# A holder whose machine went without a word is given up by the server within seconds; on a socket these mean nothing.
_NOTICED_SOON = bound(
    "SELECT set_config('tcp_keepalives_idle', '3', false), set_config('tcp_keepalives_interval', '1', false),"
    " set_config('tcp_keepalives_count', '3', false)",
    {},
)


def lock_number(name: str) -> int:
    """What a name is to PostgreSQL's advisory locks."""
    digest = hashlib.blake2b(name.encode(), digest_size=_LOCK_OCTETS).digest()
    return int.from_bytes(digest, "big", signed=True)


class Duties:
    """Those that this process has.

    Args:
        opened: makes a connection, or raises StoreUnavailable.
    """

    def __init__(self, opened: Callable[[], Awaitable[Link]]) -> None:
        self._open = opened
        self._turn = asyncio.Lock()
        self._link: Link | None = None
        self._held: set[str] = set()

    async def holds(self, duty: str) -> bool:
        """Whether this process has a duty; it takes what nobody has.

        Raises:
            StoreUnavailable: the database is away.
        """
        async with self._turn:
            link = await self._connected()
            if duty not in self._held:
                (result,) = await link.send([bound(_LOCK, {"number": lock_number(f"duty:{duty}")})])
                if rows_of(result)[0][0]:
                    self._held.add(duty)
            return duty in self._held

    def close(self) -> None:
        """Give up every duty."""
        if self._link is not None:
            self._link.close()

    async def _connected(self) -> Link:
        if self._link is None or self._link.is_lost:
            # With the connection its locks are gone, and another process may have them by now.
            self._held.clear()
            self._link = await self._open()
            await self._link.send([_NOTICED_SOON])
        return self._link

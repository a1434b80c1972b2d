"""So many connections and no more: opened when one is wanted, lent to one task at a time, replaced when lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from ca_core.store.postgresql.faults import unavailable
from ca_core.store.postgresql.link import Link, bound

_WAIT_SECONDS = 10
_ROLLBACK = bound("ROLLBACK", {})


class Pool:
    """Connections that are lent.

    Args:
        opened: makes one more, or raises StoreUnavailable.
        size: how many there are at most; one of them is kept for who reads while others write.
    """

    def __init__(self, opened: Callable[[], Awaitable[Link]], size: int) -> None:
        self._open = opened
        self._free = asyncio.Semaphore(size)
        self._may_write = asyncio.Semaphore(size - 1)
        self._idle: list[Link] = []
        self._lent: set[Link] = set()
        self._ending: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def lent(self, *, writes: bool) -> AsyncIterator[Link]:
        """Lend a connection; it comes back once everything that was sent on it has been answered.

        Raises:
            StoreUnavailable: none was free in time, or the database is away.
        """
        async with AsyncExitStack() as passed:
            for gate in [self._may_write, self._free] if writes else [self._free]:
                await _pass(gate)
                passed.callback(gate.release)
            link = await self._any()
            try:
                yield link
            finally:
                # Not waited for: who was cancelled goes at once, and nobody else's statement runs before this is done.
                if not link.is_idle or link.is_dirty:
                    ending = asyncio.create_task(self._end(link, passed.pop_all()))
                    self._ending.add(ending)
                    ending.add_done_callback(self._ending.discard)
                else:
                    self._give_back(link)

    def add(self, link: Link) -> None:
        """Put in one that is open."""
        self._idle.append(link)

    async def close(self) -> None:
        """Close every connection, also those that are lent."""
        for link in (*self._idle, *self._lent):
            link.close()
        self._idle.clear()
        if self._ending:
            await asyncio.wait(self._ending)

    async def _any(self) -> Link:
        # The one that came back last: its memory on the server is warm, and the others are seen to be lost meanwhile.
        link = next((link for link in iter(self._newest_idle, None) if not link.is_lost), None) or await self._open()
        self._lent.add(link)
        return link

    def _newest_idle(self) -> Link | None:
        return self._idle.pop() if self._idle else None

    async def _end(self, link: Link, passed: AsyncExitStack) -> None:
        async with passed:
            if not link.is_idle:
                # Waited for before the next statement, which the request might hit instead.
                await link.interrupt()
                await link.settle()
            if link.is_dirty:
                link.send([_ROLLBACK])
                link.is_dirty = False
                await link.settle()
            self._give_back(link)

    def _give_back(self, link: Link) -> None:
        self._lent.discard(link)
        if not link.is_lost:
            self._idle.append(link)


async def _pass(gate: asyncio.Semaphore) -> None:
    if not gate.locked():
        await gate.acquire()
        return
    try:
        async with asyncio.timeout(_WAIT_SECONDS):
            await gate.acquire()
    except TimeoutError as error:
        raise unavailable() from error

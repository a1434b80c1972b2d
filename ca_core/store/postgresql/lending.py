"""Connections that are lent: opened when they are needed, and kept for whoever comes next.

asyncpg's own pool starts a task and two timers each time that one is lent, as much CPU as a statement costs. Here
to borrow what is free and to give it back is a matter of two lists; only who was cancelled or failed has it cleaned up.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncpg

from ca_core.store.postgresql.faults import FAULTS, faults_as_ours

_WAIT_SECONDS = 10
_IDLE_SECONDS = 300
"""How long a connection is kept that nobody needs; what lies between may have forgotten it by then."""


class Lender:
    """A number of connections at most.

    Args:
        opened: makes one.
        most: how many there may be.
    """

    def __init__(self, opened: Callable[[], Awaitable[asyncpg.Connection]], *, most: int) -> None:
        self._open = opened
        self._unopened = most
        # The last one that was used lies on top: it is the one whose memory is warm, and those below grow old.
        self._free: deque[tuple[asyncpg.Connection, float]] = deque()
        self._lent: set[asyncpg.Connection] = set()
        self._waiting: deque[asyncio.Future[asyncpg.Connection | None]] = deque()
        self._closed = False
        self._returned = asyncio.Event()

    async def borrow(self) -> asyncpg.Connection:
        """Lend one that is free, or a new one, or the next that is given back.

        Raises:
            StoreUnavailable: none came in time, or the database cannot be reached.
        """
        while not self._closed:
            connection = self._taken() or await (self._opened() if self._unopened else self._awaited())
            if connection is not None:
                self._lent.add(connection)
                return connection
        with faults_as_ours():
            raise asyncpg.InterfaceError("the store is closed")

    async def give_back(self, connection: asyncpg.Connection, *, is_whole: bool) -> None:
        """Take one back.

        Args:
            is_whole: whether its last statement was answered; else it may be under way still.
        """
        if is_whole and not _is_in_transaction(connection):
            self._put(connection)
        else:
            # To its end, also for who is cancelled again: until then its locks are held.
            await asyncio.shield(asyncio.ensure_future(self._cleaned(connection)))

    async def close(self) -> None:
        """Close every connection; who still has one is waited for, and then loses it."""
        self._closed = True
        while self._waiting:
            self._hand(None)
        with suppress(TimeoutError):
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._all_back()
        for connection in self._lent:
            connection.terminate()
        for connection, _ in self._free:
            with suppress(*FAULTS):
                await connection.close(timeout=_WAIT_SECONDS)

    async def _all_back(self) -> None:
        while self._lent:
            self._returned.clear()
            await self._returned.wait()

    def _taken(self) -> asyncpg.Connection | None:
        while self._free:
            connection, since = self._free.pop()
            if not connection.is_closed() and time.monotonic() - since < _IDLE_SECONDS:
                return connection
            self._drop(connection)
        return None

    async def _opened(self) -> asyncpg.Connection:
        self._unopened -= 1
        opened = None
        try:
            with faults_as_ours():
                opened = await self._open()
        finally:
            if opened is None:
                self._unopened += 1
                self._hand(None)
        return opened

    async def _awaited(self) -> asyncpg.Connection | None:
        """The next one; None where one was closed, and another may be opened in its place."""
        coming: asyncio.Future[asyncpg.Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(coming)
        is_heard = False
        try:
            with faults_as_ours():
                async with asyncio.timeout(_WAIT_SECONDS):
                    found = await coming
                    is_heard = True
        finally:
            if not is_heard and coming.done() and not coming.cancelled():
                # It came at the moment at which it was not waited for any more.
                self._pass_on(coming.result())
        return found

    def _pass_on(self, connection: asyncpg.Connection | None) -> None:
        if not self._hand(connection) and connection is not None:
            self._free.append((connection, time.monotonic()))

    def _hand(self, connection: asyncpg.Connection | None) -> bool:
        """Give one to who waits for the longest; False when nobody waits."""
        while self._waiting:
            coming = self._waiting.popleft()
            if not coming.done():
                coming.set_result(connection)
                return True
        return False

    def _put(self, connection: asyncpg.Connection) -> None:
        self._lent.discard(connection)
        self._returned.set()
        if connection.is_closed() or self._closed:
            self._drop(connection)
            return
        self._pass_on(connection)
        if self._free and time.monotonic() - self._free[0][1] > _IDLE_SECONDS:
            self._drop(self._free.popleft()[0])

    def _drop(self, connection: asyncpg.Connection) -> None:
        connection.terminate()
        self._unopened += 1
        self._hand(None)

    async def _cleaned(self, connection: asyncpg.Connection) -> None:
        """Wait until what was cancelled has ended, and undo what was left open."""
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                if not _is_in_transaction(connection):
                    # As far as anybody knows: this waits until it is known.
                    await connection.execute("SELECT")
                if _is_in_transaction(connection):
                    await connection.execute("ROLLBACK")
        except FAULTS:
            # The server undoes what was not committed when it sees that we have gone.
            connection.terminate()
        finally:
            self._put(connection)


def _is_in_transaction(connection: asyncpg.Connection) -> bool:
    # One that was closed from this side, by us or where asyncpg could not cancel, cannot even be asked.
    return not connection.is_closed() and connection.is_in_transaction()

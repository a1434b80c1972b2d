"""How a listener leaves: nobody new comes in, and who is in goes when they have been answered."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Iterable

from aiohttp import web

from server.doorman import Door, Doorman
from server.patience import Connection

LONGEST_SECONDS = 10.0
"""After this, who is still being answered is cut off."""
_REST_SECONDS = 1.0
"""A connection that brings nothing for so long is not about to; one that was used just now may bring a request in this
very moment, is answered, and told with the answer that it was the last one."""
_HANDSHAKE_SECONDS = 2.0
_LOOK_AGAIN_SECONDS = 0.02
_MOST_TURNS = 200


class Leaving:
    """Whether a process is on its way out; every answer from then on says that it ends its connection."""

    def __init__(self) -> None:
        self.has_begun = False


class Exit:
    """The way out of one listener."""

    def __init__(self, runner: web.ServerRunner, site: web.BaseSite, door: Door, doorman: Doorman) -> None:
        self._runner = runner
        self._site = site
        self._door = door
        self._doorman = doorman
        self._resting: dict[tuple[int, int], float] = {}

    async def close(self, longest_seconds: float) -> None:
        """Stop accepting, answer what is there and what comes on open connections within a moment, and close."""
        loop = asyncio.get_running_loop()
        await self._take_in_who_waits()
        begun = loop.time()
        for _ in range(int(longest_seconds / _LOOK_AGAIN_SECONDS)):
            if not self._is_somebody_in(loop.time(), since=begun):
                break
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        await self._site.stop()
        await self._runner.cleanup()

    async def _take_in_who_waits(self) -> None:
        """Whoever has connected already would be cut off with the socket that they wait at.

        asyncio's server stays until they have gone: it takes nobody in once it is closed, also not whom it has
        accepted. The socket alone stops listening, right after a look that found nobody.
        """
        waiting = select.poll()
        waiting.register(self._door.fileno(), select.POLLIN)
        for _ in range(_MOST_TURNS):
            if not waiting.poll(0):
                break
            await asyncio.sleep(0)
        asyncio.get_running_loop().remove_reader(self._door.fileno())
        self._door.shutdown(socket.SHUT_RD)

    def _is_somebody_in(self, now: float, *, since: float) -> bool:
        connections = list(self._connections())
        for connection in connections:
            if connection.is_resting:
                seen = self._resting.setdefault((id(connection), connection.requests_so_far), now)
                if now - seen >= _REST_SECONDS:
                    connection.force_close()
        is_shaking_hands = self._doorman.inside > len(self._all()) and now < since + _HANDSHAKE_SECONDS
        return bool(connections) or is_shaking_hands

    def _connections(self) -> Iterable[Connection]:
        for connection in self._all():
            if isinstance(connection, Connection) and connection.is_open:
                yield connection

    def _all(self) -> list[object]:
        server = self._runner.server
        return [] if server is None else list(server.connections)


async def leave(leaving: Leaving, exits: Iterable[Exit], longest_seconds: float = LONGEST_SECONDS) -> None:
    """Have every listener left.

    Args:
        longest_seconds: how long whoever is in may take.
    """
    leaving.has_begun = True
    await asyncio.gather(*(one.close(longest_seconds) for one in exits))

"""Workers: what goes on beside the requests, each in turns."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from ca_core.errors import Busy

_LOG = logging.getLogger("soapstone.work")


class Worker:
    """One job, done every few seconds, or at once when woken.

    A turn that fails is logged and the next one comes: work is durable, and another try may succeed.
    """

    def __init__(self, name: str, turn: Callable[[], Awaitable[object]], *, every_seconds: float) -> None:
        self.name = name
        self._turn = turn
        self._every_seconds = every_seconds
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Have the next turn begin now."""
        self._woken.set()

    async def run(self) -> None:
        """Take turns until cancelled."""
        while True:
            self._woken.clear()
            try:
                await self._turn()
            except Busy as busy:
                _LOG.warning("event=worker-waits worker=%s why=%r", self.name, str(busy))
            except Exception:  # noqa: BLE001  # around a worker's turn: the next one comes all the same
                _LOG.exception("event=worker-failed worker=%s", self.name)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every_seconds):
                    await self._woken.wait()


def start(workers: Sequence[Worker]) -> list[asyncio.Task[None]]:
    """Start each worker as a task."""
    return [asyncio.create_task(worker.run(), name=worker.name) for worker in workers]


async def stop(tasks: Sequence[asyncio.Task[None]]) -> None:
    """End every worker; what one was doing is finished by the next start."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

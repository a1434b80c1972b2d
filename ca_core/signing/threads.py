"""A few threads that do short work in order, so that the event loop never waits for a token."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future

from ca_core.errors import KeyUnavailable

_Job = tuple["Future[bytes]", Callable[[], bytes]]


class Threads:
    """Does work in at most `most` threads; at most `waiting` pieces wait for one.

    They are daemons: a call that never returns from a token's library must not keep the server from ending.
    """

    def __init__(self, name: str, *, most: int, waiting: int) -> None:
        self._name = name
        self._most = most
        self._jobs: queue.Queue[_Job] = queue.Queue(maxsize=waiting)
        self._idle = threading.Semaphore(0)
        self._count = 0

    async def run(self, work: Callable[[], bytes], *, timeout_seconds: float) -> bytes:
        """Do a piece of work. Cancelling takes it out of the queue; what has begun ends unheard.

        Raises:
            KeyUnavailable: too much is waiting already, or it takes too long.
        """
        future: Future[bytes] = Future()
        try:
            self._jobs.put_nowait((future, work))
        except queue.Full:
            raise KeyUnavailable("too much is waiting for the CA's key; try again", retry_after_seconds=1) from None
        self._hire()
        try:
            async with asyncio.timeout(timeout_seconds):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise KeyUnavailable(
                "the CA's key does not answer in time; try again", retry_after_seconds=round(timeout_seconds)
            ) from None

    def _hire(self) -> None:
        """Called by the event loop's thread only."""
        if self._count < self._most and not self._idle.acquire(blocking=False):
            self._count += 1
            threading.Thread(target=self._work, name=f"{self._name}-{self._count}", daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                future, work = self._jobs.get_nowait()
            except queue.Empty:
                self._idle.release()
                future, work = self._jobs.get()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except Exception as error:  # noqa: BLE001  # it flies on in the coroutine that waits
                    future.set_exception(error)
            # Waiting for the next job, a thread keeps nothing of this one alive.
            del future, work

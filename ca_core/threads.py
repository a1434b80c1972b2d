"""Threads that do short work in order: the event loop never waits for a token, a long signature or a password."""

from __future__ import annotations

import asyncio
import os
import queue
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from ca_core.errors import Busy

T = TypeVar("T")
_Work = Callable[[], Any]
_Job = tuple["Future[Any]", _Work]
_JobBeside = tuple[asyncio.AbstractEventLoop, "asyncio.Future[bytes]", _Work]


class Crowded(NamedTuple):
    """What is said to whom threads have no time for.

    Attributes:
        refusal: the leaf.
        full: when too much is waiting already.
        slow: when it takes too long.
    """

    refusal: type[Busy]
    full: str
    slow: str


class Threads:
    """Does work in at most `most` threads; at most `waiting` pieces wait for one.

    They are daemons: a call that never returns from a token's library must not keep the server from ending.

    Args:
        niceness: how far they let others go first, as `nice` has it; for work that does not hold Python's lock, or
            those who wait for the lock would go behind, too.
    """

    def __init__(self, name: str, *, most: int, waiting: int, crowded: Crowded, niceness: int = 0) -> None:
        self._name = name
        self._niceness = niceness
        self._most = most
        self._crowded = crowded
        self._jobs: queue.Queue[_Job] = queue.Queue(maxsize=waiting)
        self._idle = threading.Semaphore(0)
        self._count = 0

    async def run(self, work: Callable[[], T], *, timeout_seconds: float) -> T:
        """Do a piece of work. Cancelling takes it out of the queue; what has begun ends unheard.

        Raises:
            Busy: the leaf of it that was given: too much is waiting already, or it takes too long.
        """
        future: Future[T] = Future()
        try:
            self._jobs.put_nowait((future, work))
        except queue.Full:
            raise self._crowded.refusal(self._crowded.full, retry_after_seconds=1) from None
        self._hire()
        try:
            async with asyncio.timeout(timeout_seconds):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise self._crowded.refusal(self._crowded.slow, retry_after_seconds=round(timeout_seconds)) from None

    def _hire(self) -> None:
        """Called by the event loop's thread only."""
        if self._count < self._most and not self._idle.acquire(blocking=False):
            self._count += 1
            threading.Thread(target=self._work, name=f"{self._name}-{self._count}", daemon=True).start()

    def _work(self) -> None:
        _give_way(self._niceness)
        while True:
            try:
                future, work = self._jobs.get_nowait()
            except queue.Empty:
                self._idle.release()
                future, work = self._jobs.get()
            if future.set_running_or_notify_cancel():
                _tell(future, _outcome(work))
            # Waiting for the next job, a thread keeps nothing of this one alive.
            del future, work


def _give_way(niceness: int) -> None:
    """Lower the priority of this thread; only Linux knows one for each."""
    if sys.platform == "linux":
        me = threading.get_native_id()
        if niceness > os.getpriority(os.PRIO_PROCESS, me):
            os.setpriority(os.PRIO_PROCESS, me, niceness)


class Beside:
    """Does work in one thread, in the order in which it came; however much waits.

    An executor of the standard library would do the same and more, at twice the price, and what is done here takes a
    quarter of a millisecond. The thread begins with the first piece of work, and ends with this object.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: queue.SimpleQueue[_JobBeside | None] = queue.SimpleQueue()
        self._has_begun = False

    async def run(self, work: Callable[[], bytes]) -> bytes:
        """Do a piece of work. What it raises flies on. Cancelling spares it; what has begun ends unheard."""
        if not self._has_begun:
            # It knows the queue and not this object, which would live as long as the thread.
            threading.Thread(target=_work_beside, args=(self._jobs,), name=self._name, daemon=True).start()
            weakref.finalize(self, self._jobs.put, None)
            self._has_begun = True
        loop = asyncio.get_running_loop()
        told: asyncio.Future[bytes] = loop.create_future()
        self._jobs.put((loop, told, work))
        return await told


def _work_beside(jobs: queue.SimpleQueue[_JobBeside | None]) -> None:
    while (job := jobs.get()) is not None:
        loop, told, work = job
        # Who does not wait any more takes no time from who does: of more than can be done in time, something is.
        if not told.done():
            # The loop may have ended meanwhile, and nobody waits then.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_tell, told, _outcome(work))
        # As above.
        del job, loop, told, work


def _outcome(work: Callable[[], T]) -> T | Exception:
    try:
        return work()
    except Exception as error:  # noqa: BLE001  # it flies on in the coroutine that waits
        return error


def _tell(told: Future[T] | asyncio.Future[T], outcome: T | Exception) -> None:
    if told.done():
        return
    if isinstance(outcome, Exception):
        told.set_exception(outcome)
    else:
        told.set_result(outcome)

"""Several processes that serve one home: they are started, started again when one dies, and stopped together.

Each listens on the same ports, and the system says who comes to which. A worker lives as long as its standard input is
open: should this process die without a word, nobody is left behind.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ca_core.errors import Misconfigured
from ca_core.store.opening import SQLITE
from server import settings as settings_module
from server.doorman import Door, Doorman, Room
from server.home import sole_server
from server.leaving import LONGEST_SECONDS
from server.listeners import why_not
from server.settings import Settings

READY = "ready"
"""The line by which a worker says that its doors are open."""
NOT_STARTED = 127
"""The status of a process that never was, as shells say it."""
_LOG = logging.getLogger("soapstone")
_COMMAND = "from server.cli.main import main; main()"
_SHORTEST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_STEADY_SECONDS = 60.0
"""Who has served for so long did not fail at the start, and is started again at once."""
_STOP_SECONDS = LONGEST_SECONDS + 10


class Member:
    """One place in the crew: a worker process, or the next one in its place."""

    def __init__(self, home: Path, number: int, count: int) -> None:
        self.number = number
        self.was_ready = asyncio.Event()
        self._command = ("--home", str(home), "serve", "--workers", str(count), "--as-worker")
        self._process: asyncio.subprocess.Process | None = None
        self._is_to_end = False

    async def run(self) -> int:
        """Start a process, and wait until it ends; return its status, or `NOT_STARTED`."""
        try:
            self._process = process = await self._started()
        except OSError as error:
            # For the moment, perhaps: no memory, no more processes or files, a Python that is being replaced.
            _LOG.error("event=worker-not-started worker=%d why=%r", self.number, str(error))
            return NOT_STARTED
        if self._is_to_end:
            # It was said while the process was being started, and nobody was there to hear it.
            self.stop()
        assert process.stdout is not None  # noqa: S101  # it was asked for; asyncio's types cannot say so
        async for line in process.stdout:
            if line.strip() == READY.encode():
                self.was_ready.set()
                _LOG.info("event=worker-ready worker=%d pid=%d", self.number, process.pid)
        return await process.wait()

    async def _started(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _COMMAND,
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # A Ctrl-C is for us to hand on.
            start_new_session=True,
        )

    def stop(self) -> None:
        """Have it answer whom it has let in, and end."""
        self._is_to_end = True
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it now."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)


class Crew:
    """All of them."""

    def __init__(self, home: Path, count: int) -> None:
        self._workers = [Member(home, number, count) for number in range(1, count + 1)]
        self._stopping = asyncio.Event()
        self._has_begun = False

    async def serve(self, ready: Callable[[], None]) -> None:
        """Serve until told to stop; `ready` is called once every worker has opened its doors.

        Raises:
            Misconfigured: one ended before; it has said why.
        """
        tasks = [asyncio.create_task(self._keep(worker)) for worker in self._workers]
        try:
            await self._until_ready(tasks)
            if not self._stopping.is_set():
                self._has_begun = True
                ready()
            await self._stopping.wait()
        finally:
            await self._stop(tasks)

    def stop(self) -> None:
        """Have `serve` come to its end."""
        self._stopping.set()

    async def _until_ready(self, tasks: list[asyncio.Task[None]]) -> None:
        everybody = asyncio.gather(*(worker.was_ready.wait() for worker in self._workers))
        told = asyncio.ensure_future(self._stopping.wait())
        first: list[asyncio.Future[Any]] = [everybody, told, *tasks]
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        for waiting in (everybody, told):
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
        if any(task.done() for task in tasks):
            raise Misconfigured("a worker could not begin to serve; what it said above is why")

    async def _keep(self, worker: Member) -> None:
        """Run one, and another in its place when it ends; at the start of all, one that ends is the end."""
        loop, pause_seconds = asyncio.get_running_loop(), _SHORTEST_PAUSE_SECONDS
        while not self._stopping.is_set():
            started = loop.time()
            status = await worker.run()
            if self._stopping.is_set() or not self._has_begun:
                return
            is_steady = loop.time() - started > _STEADY_SECONDS
            pause_seconds = _SHORTEST_PAUSE_SECONDS if is_steady else pause_seconds
            _LOG.error("event=worker-died worker=%d status=%d again_in_s=%.1f", worker.number, status, pause_seconds)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_seconds)
            pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)

    async def _stop(self, tasks: list[asyncio.Task[None]]) -> None:
        self._stopping.set()
        for worker in self._workers:
            worker.stop()
        _, late = await asyncio.wait(tasks, timeout=_STOP_SECONDS)
        if late:
            _LOG.error("event=workers-killed count=%d: they did not end within %.0f s", len(late), _STOP_SECONDS)
            for worker in self._workers:
                worker.kill()
            await asyncio.wait(late)


async def supervise(home: Path, count: int, ready: Callable[[], None]) -> None:
    """Serve a home with several processes until SIGTERM or SIGINT.

    Raises:
        Misconfigured: its store is for one, a port is in use, or a worker cannot begin; says what to do.
    """
    settings = settings_module.load(home)
    require_shared(settings, count)
    with sole_server(home):
        _require_free(settings)
        crew = Crew(home, count)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, crew.stop)
        await crew.serve(ready)


def require_shared(settings: Settings, count: int) -> None:
    """Let only a store be served by several that several can write.

    Raises:
        Misconfigured: it is another one, or there is nobody to serve.
    """
    if count < 1:
        raise Misconfigured("--workers takes a number from 1")
    if count > 1 and settings.store.url.startswith(SQLITE):
        raise Misconfigured(
            "an SQLite store has one writing process; serve it with --workers 1, or move it to PostgreSQL (store.url)"
        )


def _require_free(settings: Settings) -> None:
    """Ports that workers share would also be shared with a stranger who does the same."""
    for port in (settings.port, settings.port + 1, settings.port + 3):
        try:
            Door(settings.listen, port, Doorman("", Room(0, 0))).close()
        except OSError as error:
            raise Misconfigured(f"cannot listen on {settings.listen} port {port}: {why_not(error)}") from None

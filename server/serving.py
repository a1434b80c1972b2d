"""Serving: from a home to open doors, and back."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from ca_core.applicant import Door
from ca_core.store import work
from protocols.acme.dialogue import AcmeDialogue, AcmeOptions, AcmeServices
from protocols.acme.nonces import Nonces
from protocols.acme.validation import Validator
from protocols.est.dialogue import EstDialogue, EstServices
from protocols.est.messages import Wire
from protocols.status.dialogue import RepositoryDialogue
from server import listeners, workers
from server.assembly import Office, Strongroom, office, strongroom
from server.listeners import Listener
from server.probes import NetworkProbes, ProbePolicy
from server.routes import PublicDialogue
from server.workers import Worker

_LOG = logging.getLogger("soapstone")
_STALE_INTENTION_SECONDS = 120
_NONCE_KEY_OCTETS = 32


@asynccontextmanager
async def open_doors(home: Path) -> AsyncIterator[Office]:
    """Serve a home for the length of the block.

    What a crash left is finished before the first door opens.

    Raises:
        Misconfigured: something is not in order, or a port cannot be opened; says which and what to do.
    """
    async with office(home) as opened:
        room = strongroom(opened)
        await _recover(opened, room)
        await room.own_certificate.turn()
        validator = _validator(opened, room)
        running = await listeners.listen(opened.settings.listen, _listeners(opened, room, validator))
        tasks = workers.start(_workers(opened, room, validator))
        try:
            yield opened
        finally:
            await listeners.close(running)
            await workers.stop(tasks)


async def serve(home: Path, ready: Callable[[Office], Awaitable[None]]) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is called once every door is open."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_doors(home) as opened:
        await ready(opened)
        await stop.wait()
        _LOG.info("event=stopping")


async def _recover(opened: Office, room: Strongroom) -> None:
    """Finish what the process before left: with one process per store, nobody else is at it."""
    async with opened.database.write() as tx:
        await work.release_all(tx)
    finished = await room.issuer.recover(opened.profiles, before=opened.clock.now())
    if finished:
        _LOG.warning("event=recovered intentions=%d", finished)


def _validator(opened: Office, room: Strongroom) -> Validator:
    raise NotImplementedError

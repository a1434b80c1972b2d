"""Whether this process lives, and whether it should be sent requests: `/health/live` and `/health/ready`, plain HTTP.

Ready means: a certificate asked for here can be issued here. It is no word about CRLs and OCSP, which are served also
while nothing is issued: whoever balances requests for them looks at `live`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ca_core.audit.gate import Gate
from ca_core.clock import Clock
from ca_core.errors import Refusal, SoapstoneError
from ca_core.store.database import Database
from protocols.wire import Reply, Request, plain_text
from server.leaving import Leaving
from server.middleware import Dialogue

PATH = "/health/"
_STORE_SECONDS = 2.0
_NEVER_KEPT = ("Cache-Control", "no-store")


class Health:
    """Asks what a certificate needs, as often as it is asked.

    Args:
        can_sign: whether the key of the CA that issues is at hand.
    """

    def __init__(
        self, database: Database, clock: Clock, gate: Gate, leaving: Leaving, *, can_sign: Callable[[], bool]
    ) -> None:
        self._can_sign = can_sign
        self._database = database
        self._clock = clock
        self._gate = gate
        self._leaving = leaving
        self._looking: asyncio.Task[bool] | None = None

    async def trouble(self) -> str:
        """Why no requests should come here, in a word; nothing where they should."""
        if self._leaving.has_begun:
            return "stopping"
        if not self._gate.is_open(self._clock.now()):
            return "journal"
        if not self._can_sign():
            return "key"
        return "" if await self._reaches_the_store() else "store"

    async def _reaches_the_store(self) -> bool:
        # However many ask, there is one look at a time.
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(self._looking)

    async def _look(self) -> bool:
        try:
            async with asyncio.timeout(_STORE_SECONDS), self._database.read() as tx:
                await tx.one("SELECT 1")
        except (SoapstoneError, TimeoutError):
            return False
        return True


class HealthDialogue:
    """Answers about health, and hands on what is no question about it."""

    def __init__(self, health: Health, beside: Dialogue) -> None:
        self._health = health
        self._beside = beside

    async def answer(self, request: Request) -> Reply:
        """Answer one request."""
        if not request.path.startswith(PATH) or request.method not in ("GET", "HEAD"):
            return await self._beside.answer(request)
        match request.path.removeprefix(PATH):
            case "live":
                return plain_text(200, "live", _NEVER_KEPT)
            case "ready":
                trouble = await self._health.trouble()
                return plain_text(503, trouble, _NEVER_KEPT) if trouble else plain_text(200, "ready", _NEVER_KEPT)
            case _:
                return await self._beside.answer(request)

    def refuse(self, refusal: Refusal) -> Reply:
        """As whoever shares the port says it."""
        return self._beside.refuse(refusal)

    def bug_reply(self, reference: str) -> Reply:
        """As whoever shares the port says it."""
        return self._beside.bug_reply(reference)

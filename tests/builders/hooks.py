"""A partner's system that is told what happens: HTTPS on this machine, answering as it is told."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web


@dataclass(frozen=True)
class Call:
    """One POST as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Shop:
    """Keeps what it is told.

    Args:
        statuses: to answer with, each once, before it answers 204.
    """

    def __init__(self, *statuses: int, location: str = "") -> None:
        self._statuses = list(statuses)
        self._location = location
        self.calls: list[Call] = []

    async def hear(self, request: web.Request) -> web.Response:
        self.calls.append(Call(request.path, dict(request.headers), await request.read()))
        status = self._statuses.pop(0) if self._statuses else 204
        return web.Response(status=status, headers={"Location": self._location} if self._location else {})


@asynccontextmanager
async def open_shop(shop: Shop, tls: ssl.SSLContext) -> AsyncIterator[int]:
    """Open it for the length of the block; yields the port."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", shop.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()

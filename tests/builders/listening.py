"""A listener of ours on a free port, with a dialogue that says what it was asked."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ca_core.errors import Refusal
from protocols.wire import Reply, Request, plain_text
from server import listeners
from server.doorman import Room
from server.leaving import Leaving, leave
from server.listeners import Bounds, Listener

BOUNDS = Bounds(Room(in_all=100, per_address=100), 30)


class Echo:
    """Answers with the size of the body, and keeps the request."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    async def answer(self, request: Request) -> Reply:
        self.asked.append(request)
        return plain_text(200, f"{len(request.body)} octets")

    def refuse(self, refusal: Refusal) -> Reply:
        return plain_text(400, str(refusal))

    def bug_reply(self, reference: str) -> Reply:
        return plain_text(500, reference)


def free_port() -> int:
    """One that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@asynccontextmanager
async def listening(
    echo: Echo, tls: ssl.SSLContext | None = None, bounds: Bounds = BOUNDS, **options: Any
) -> AsyncIterator[int]:
    """Open it for the length of the block; yields the port."""
    port = free_port()
    leaving = Leaving()
    exits = await listeners.listen("127.0.0.1", [Listener("est", port, echo, tls, **options)], bounds, leaving)
    try:
        yield port
    finally:
        await leave(leaving, exits)

"""The edge: one request in, one reply out, whatever happens between."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web
from aiohttp.http_exceptions import PayloadEncodingError

from protocols.wire import Reply, Request, plain_text
from server import bridge

_LOG = logging.getLogger("soapstone.http")
_BODY_SECONDS = 30
_REFERENCE_OCTETS = 6


class Dialogue(Protocol):
    """A protocol, as the edge sees it."""

    async def answer(self, request: Request) -> Reply:
        """Answer one request; every refusal is in the reply."""

    def bug_reply(self, reference: str) -> Reply:
        """Say in the protocol's own form that we failed, and under which reference."""


def edge(dialogue: Dialogue, *, listener: str) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    """Wrap a dialogue into what aiohttp calls for each request."""

    async def handle(incoming: web.BaseRequest) -> web.StreamResponse:
        started = time.perf_counter()
        reply = await _reply(incoming, dialogue)
        _LOG.info(
            "event=request listener=%s method=%s path=%s status=%d ms=%.1f",
            listener,
            incoming.method,
            incoming.rel_url.raw_path,
            reply.status,
            (time.perf_counter() - started) * 1000,
        )
        return bridge.write(reply)

    return handle


async def _reply(incoming: web.BaseRequest, dialogue: Dialogue) -> Reply:
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            request = await bridge.read(incoming)
    except TimeoutError:
        return plain_text(408, "the request's body did not arrive in time", ("Connection", "close"))
    except (PayloadEncodingError, web.RequestPayloadError, ConnectionError):
        return plain_text(400, "the request's body is not framed as its headers say", ("Connection", "close"))
    try:
        return await dialogue.answer(request)
    except Exception:  # noqa: BLE001  # the edge: anything that is no refusal is our bug
        reference = secrets.token_hex(_REFERENCE_OCTETS)
        _LOG.exception(
            "event=bug reference=%s method=%s path=%s", reference, incoming.method, incoming.rel_url.raw_path
        )
        return dialogue.bug_reply(reference)

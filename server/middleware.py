"""The edge: one request in, one reply out, whatever happens between."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Protocol

from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import PayloadEncodingError

from ca_core.errors import BadRequest, Refusal
from protocols.wire import Reply, Request
from server import bridge
from server.leaving import Leaving
from server.proxies import Proxies

_LOG = logging.getLogger("soapstone.http")
_TALLY_SECONDS = 1
_FIRST_ERROR = 400
_REFERENCE_OCTETS = 6


Judge = Callable[[Request], Request]


class Dialogue(Protocol):
    """A protocol, as the edge sees it."""

    async def answer(self, request: Request) -> Reply:
        """Answer one request; every refusal is in the reply."""

    def refuse(self, refusal: Refusal) -> Reply:
        """Say in the protocol's own form what is wrong with a request that could not even be read."""

    def bug_reply(self, reference: str) -> Reply:
        """Say in the protocol's own form that we failed, and under which reference."""


class Tally:
    """Counts requests, and says once a second how many there were: a line for each would cost more than its answer."""

    def __init__(self, listener: str, path: str) -> None:
        self._listener = listener
        self._path = path
        self._requests = 0
        self._slowest_ms = 0.0

    def covers(self, path: str, status: int) -> bool:
        """Whether a request is counted: what went wrong has a line of its own."""
        return path.startswith(self._path) and status < _FIRST_ERROR

    def count(self, ms: float) -> None:
        """Count one."""
        if self._requests == 0:
            asyncio.get_running_loop().call_later(_TALLY_SECONDS, self._say)
        self._requests += 1
        self._slowest_ms = max(self._slowest_ms, ms)

    def _say(self) -> None:
        _LOG.info(
            "event=requests listener=%s path=%s count=%d slowest_ms=%.1f",
            self._listener,
            self._path,
            self._requests,
            self._slowest_ms,
        )
        self._requests, self._slowest_ms = 0, 0.0


def edge(
    dialogue: Dialogue,
    *,
    listener: str,
    counted: tuple[str, ...] = (),
    body_seconds: float = 30,
    proxies: Proxies | None = None,
    apart: Mapping[str, Dialogue] = MappingProxyType({}),
    leaving: Leaving,
) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    """Wrap a dialogue into what aiohttp calls for each request.

    Args:
        listener: its name in the log.
        counted: the beginnings of the paths whose requests are counted instead of logged one by one.
        body_seconds: how long a body may take to arrive.
        proxies: whose word is taken for who asks.
        apart: dialogues that answer below paths of their own, by how those begin.
        leaving: whether every answer is the last on its connection.
    """
    judge = (proxies or Proxies()).judged
    tallies = [Tally(listener, path) for path in counted]

    async def handle(incoming: web.BaseRequest) -> web.StreamResponse:
        started = time.perf_counter()
        meant = next((one for path, one in apart.items() if incoming.path.startswith(path)), dialogue)
        response = await _response(incoming, meant, body_seconds, judge)
        ms = (time.perf_counter() - started) * 1000
        if leaving.has_begun:
            response.force_close()
        for tally in tallies:
            if tally.covers(incoming.raw_path, response.status):
                tally.count(ms)
                return response
        _LOG.info(
            "event=request listener=%s method=%s path=%s status=%d ms=%.1f",
            listener,
            incoming.method,
            incoming.rel_url.raw_path,
            response.status,
            ms,
        )
        return response

    return handle


async def _response(incoming: web.BaseRequest, dialogue: Dialogue, body_seconds: float, judge: Judge) -> web.Response:
    try:
        request = bridge.read_at_once(incoming)
        if request is None:
            async with asyncio.timeout(body_seconds):
                await _meet_expectation(incoming)
                request = await bridge.read(incoming)
    except TimeoutError:
        return _last(dialogue.refuse(BadRequest("the request's body did not arrive in time; send it again")))
    except (PayloadEncodingError, web.RequestPayloadError, ConnectionError):
        return _last(dialogue.refuse(BadRequest("the request's body is not framed as its headers say")))
    try:
        try:
            request = judge(request)
        except Refusal as refusal:
            return bridge.write(dialogue.refuse(refusal))
        return bridge.write(await dialogue.answer(request))
    except Exception:  # noqa: BLE001  # the edge: anything that is no refusal is our bug
        reference = secrets.token_hex(_REFERENCE_OCTETS)
        _LOG.exception(
            "event=bug reference=%s method=%s path=%s", reference, incoming.method, incoming.rel_url.raw_path
        )
        return bridge.write(dialogue.bug_reply(reference))


async def _meet_expectation(incoming: web.BaseRequest) -> None:
    """Tell a client that waits with its body to send it (RFC 9110, 10.1.1); other expectations are ignored."""
    if incoming.headers.get("Expect", "").lower() == "100-continue" and incoming.version >= HttpVersion11:
        await incoming.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # What was written so far is no part of the answer.
        incoming.writer.output_size = 0


def _last(reply: Reply) -> web.Response:
    """An answer after which nobody knows where the next request begins."""
    response = bridge.write(reply)
    response.force_close()
    return response

"""aiohttp's connection, with an end to waiting: for a head, and for a body that nobody could read any more."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from protocols.wire import Peer

MOST_HEAD_OCTETS = 64 * 1024
_OWN_WORDS = {
    "Server": "soapstone",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class Connection(RequestHandler):
    """One connection. A request line and headers must be whole in `head_seconds`, whatever drips in meanwhile.

    Attributes:
        peer: who is at the other end, once somebody has looked.
    """

    __slots__ = ("_head_octets", "_head_seconds", "_head_timer", "_payload", "peer")

    def expect(self, *, head_seconds: float) -> None:
        """Say how long it may take; before the connection is made."""
        self._head_seconds = head_seconds
        self._head_octets = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._payload: StreamReader | None = None
        self.peer: Peer | None = None

    @property
    def is_open(self) -> bool:
        """Whether a request may still come or be answered."""
        return self.transport is not None and not self.transport.is_closing()

    @property
    def is_resting(self) -> bool:
        """Whether nothing of a request is there, and none is being answered."""
        return not (self._messages or self._request_in_progress or self._head_octets or self._is_in_body())

    @property
    def requests_so_far(self) -> int:
        """How many have come."""
        return self._request_count

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._head_is_here()
        self._payload = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self._request_count
        super().data_received(data)
        if self._request_count > before:
            self._head_is_here()
            self._look_at_what_came()
        elif data and not self._messages and not self._request_in_progress and not self._is_in_body():
            self._await_head()
            self._head_octets += len(data)
            if self._head_octets > MOST_HEAD_OCTETS:
                self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        # aiohttp answers by itself what it cannot parse, repeats some of it, and names itself with its version.
        response = super().handle_error(request, status, exc, message)
        response.headers.update(_OWN_WORDS)
        return response

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002  # aiohttp's
        # aiohttp calls this for each body, and has its parser look at nothing, whether it was ever paused or not.
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def _look_at_what_came(self) -> None:
        message, payload = self._messages[-1]
        if isinstance(message, RawRequestMessage):
            self._payload = payload
        elif self._payload is not None and not self._payload.is_eof():
            # What could not be parsed stands in the middle of a body. aiohttp would answer it after the request whose
            # body it is, and that one waits for its end: for nothing, until its time is up.
            self._payload.set_exception(web.RequestPayloadError("framed wrongly"))

    def _is_in_body(self) -> bool:
        """Whether what comes is the rest of a body that was too long, and is answered already.

        aiohttp reads on for a while: to close now would reset the connection, and the answer might be lost.
        """
        return self._payload is not None and not self._payload.is_eof()

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self._loop.call_later(self._head_seconds, self._give_up, self._request_count)

    def _head_is_here(self) -> None:
        self._head_octets = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self, count: int) -> None:
        self._head_timer = None
        # A request that came since has limits of its own.
        if self._request_count == count and not self._request_in_progress:
            self.force_close()


class Server(web.Server):
    """Makes such connections."""

    head_seconds = 30.0

    def __call__(self) -> RequestHandler:
        connection = Connection(self, loop=self._loop, **self._kwargs)
        connection.expect(head_seconds=self.head_seconds)
        return connection

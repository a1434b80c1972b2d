"""HTTP/1.1 over TLS by hand, for clients that must not be what is measured: many lanes in one thread.

A lane is a generator that yields what it waits for. One look at the sockets costs a few microseconds and no more,
a tenth of what an event loop with streams asks for the same.
"""

from __future__ import annotations

import heapq
import select
import socket
import ssl
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from typing import NamedTuple, TypeVar

_HOST = "localhost"
_ONCE = 65_536
_READ = select.EPOLLIN | select.EPOLLONESHOT
_WRITE = select.EPOLLOUT | select.EPOLLONESHOT

Wait = tuple[int, int] | float
"""A file descriptor with what is to happen to it, or seconds."""

_Result = TypeVar("_Result")
Steps = Generator[Wait, None, _Result]
Lane = Iterator[Wait]


class Answer(NamedTuple):
    """Status, head with its status line, and body of one answer."""

    status: int
    head: bytes
    body: bytes

    def field(self, name: bytes) -> str:
        """A header's value; empty where there is none."""
        before = self.head.lower().find(b"\r\n" + name.lower() + b":")
        if before < 0:
            return ""
        start = before + len(name) + 3
        return self.head[start : self.head.find(b"\r\n", start)].strip().decode("ascii")

    @property
    def ends_connection(self) -> bool:
        """Whether the server takes no further request on this connection."""
        return self.field(b"Connection").lower() == "close"


class Connection:
    """One TLS connection at a time to a port of this machine, opened when there is none."""

    def __init__(self, context: ssl.SSLContext, port: int) -> None:
        self._context = context
        self._port = port
        self._tls: ssl.SSLSocket | None = None
        self._unread = b""

    def open(self) -> Steps[ssl.SSLSocket]:
        """Connect and shake hands."""
        # The kernel answers for whoever listens on the loopback interface: there is nothing to wait for.
        plain = socket.create_connection((_HOST, self._port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.settimeout(0)
        tls = self._context.wrap_socket(plain, server_hostname=_HOST, do_handshake_on_connect=False)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                yield tls.fileno(), _READ
            except ssl.SSLWantWriteError:
                yield tls.fileno(), _WRITE
            else:
                self._tls, self._unread = tls, b""
                return tls

    def reached(self) -> Lane:
        """Only see whether somebody shakes hands."""
        yield from self.open()
        self.close()

    def close(self) -> None:
        """Close what is open."""
        if self._tls is not None:
            self._tls.close()
        self._tls = None

    def ask(self, request: bytes, *, has_body: bool = True) -> Steps[Answer]:
        """Send a request, and read its answer; that to a HEAD has no body, whatever it says of its length."""
        tls = self._tls or (yield from self.open())
        yield from self._send(tls, request)
        yield tls.fileno(), _READ
        while (end := self._unread.find(b"\r\n\r\n")) < 0:
            yield from self._receive(tls)
        head, self._unread = self._unread[: end + 2], self._unread[end + 4 :]
        answer = Answer(int(head[9:12]), head, b"")
        if not has_body:
            body = b""
        elif answer.field(b"Transfer-Encoding").lower() == "chunked":
            body = yield from self._chunks(tls)
        else:
            body = yield from self._exactly(tls, int(answer.field(b"Content-Length") or 0))
        if answer.ends_connection:
            self.close()
        return answer._replace(body=body)

    def _send(self, tls: ssl.SSLSocket, request: bytes) -> Steps[None]:
        while True:
            try:
                # A TLS library that wants to write takes the same bytes again, or all of them.
                tls.send(request)
            except ssl.SSLWantWriteError:
                yield tls.fileno(), _WRITE
            except ssl.SSLWantReadError:
                yield tls.fileno(), _READ
            else:
                return

    def _receive(self, tls: ssl.SSLSocket) -> Steps[None]:
        while True:
            try:
                received = tls.recv(_ONCE)
            except ssl.SSLWantReadError:
                yield tls.fileno(), _READ
                continue
            if not received:
                sys.exit(f"the server on port {self._port} closed a connection instead of answering")
            self._unread += received
            return

    def _exactly(self, tls: ssl.SSLSocket, octets: int) -> Steps[bytes]:
        while len(self._unread) < octets:
            yield from self._receive(tls)
        body, self._unread = self._unread[:octets], self._unread[octets:]
        return body

    def _chunks(self, tls: ssl.SSLSocket) -> Steps[bytes]:
        """A body in pieces (RFC 9112, 7.1), without trailers."""
        body = b""
        while True:
            while (end := self._unread.find(b"\r\n")) < 0:
                yield from self._receive(tls)
            octets = int(self._unread[:end].split(b";")[0], 16)
            self._unread = self._unread[end + 2 :]
            body += (yield from self._exactly(tls, octets + 2))[:octets]
            if octets == 0:
                return body


def drive(lanes: Iterable[Lane]) -> None:
    """Let lanes take turns until all have ended."""
    with select.epoll() as epoll:
        waiting: dict[int, Lane] = {}
        asleep: list[tuple[float, int, Lane]] = []

        def advance(lane: Lane) -> None:
            wait = next(lane, None)
            if isinstance(wait, float):
                heapq.heappush(asleep, (time.perf_counter() + wait, id(lane), lane))
            elif wait is not None:
                descriptor, event = wait
                waiting[descriptor] = lane
                try:
                    epoll.modify(descriptor, event)
                except FileNotFoundError:
                    epoll.register(descriptor, event)

        for lane in lanes:
            advance(lane)
        while waiting or asleep:
            patience = max(0.0, asleep[0][0] - time.perf_counter()) if asleep else None
            for descriptor, _ in epoll.poll(patience):
                advance(waiting.pop(descriptor))
            while asleep and asleep[0][0] <= time.perf_counter():
                advance(heapq.heappop(asleep)[2])

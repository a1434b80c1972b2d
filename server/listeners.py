"""Listeners: sockets and TLS."""

from __future__ import annotations

import asyncio
import errno
import logging
import ssl
from asyncio import sslproto
from collections.abc import Mapping

import msgspec
from aiohttp import web

from ca_core.errors import Misconfigured
from server.doorman import Door, Doorman, Room
from server.exporting import ExportingContext
from server.leaving import Exit, Leaving, leave
from server.middleware import Dialogue, edge
from server.patience import Server
from server.proxies import Proxies

_LOG = logging.getLogger("soapstone.http")
_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME: an expired client certificate arrives, so that its holder can be told (RULES)."""
_KEEPALIVE_SECONDS = 75
_SHUTDOWN_SECONDS = 5
_CUT_OFF_SECONDS = 0.5
"""For who was given all the time to be answered, and is not."""
_MOST_LINE_OCTETS = 8_190
_MOST_CERTIFICATE_OCTETS = 24_000
"""Of a field that a proxy sets: Client-Cert-Chain with ML-DSA certificates is long."""
_MOST_HEADERS = 64
_BACKLOG = 512
_TLS_BUFFER_OCTETS = 32 * 1024
"""Two TLS records. asyncio has 256 KiB from before the handshake on: half a gigabyte for a full listener."""


class Listener(msgspec.Struct, frozen=True):
    """One port and what answers there.

    Attributes:
        tls: None is plain HTTP.
        counted: the beginnings of the paths whose requests are counted instead of logged one by one.
        proxies: whose word is taken for who asks.
        apart: dialogues that answer below paths of their own, by how those begin.
    """

    name: str
    port: int
    dialogue: Dialogue
    tls: ssl.SSLContext | None = None
    counted: tuple[str, ...] = ()
    proxies: Proxies = msgspec.field(default_factory=Proxies)
    apart: Mapping[str, Dialogue] = {}


def public_context() -> ssl.SSLContext:
    """TLS for ACME and the portal: no client certificates, or browsers would ask for one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def est_context(trust_anchors: str, *, exporting: bool) -> ssl.SSLContext:
    """TLS for EST (WIRE): a client certificate may come, of our issuing, whatever its dates; no resumption.

    Args:
        trust_anchors: our root and issuing certificates in PEM.
        exporting: whether connections can export keying material; then `server.exporting` keeps the rules below.
    """
    context = ExportingContext(ssl.PROTOCOL_TLS_SERVER) if exporting else public_context()
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags |= _NO_CHECK_TIME
    context.load_verify_locations(cadata=trust_anchors)
    # A resumed session repeats another connection's channel binding and client certificate; a second handshake
    # would change them under way.
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    return context


class Bounds(msgspec.Struct, frozen=True):
    """What one connection, and all of them, may take of a listener.

    Attributes:
        arrival_seconds: how long a TLS handshake, a request's head and its body may each take to arrive.
        shares_ports: whether other processes of this server listen on the same ports.
    """

    room: Room
    arrival_seconds: int
    shares_ports: bool = False


class _Site(web.BaseSite):
    """A door of ours, which aiohttp's own sites cannot be given."""

    def __init__(self, runner: web.ServerRunner, door: Door, tls: ssl.SSLContext | None, seconds: int) -> None:
        super().__init__(runner, ssl_context=tls)
        self._door = door
        self._seconds = seconds

    @property
    def name(self) -> str:
        return str(self._door.getsockname())

    async def start(self) -> None:
        await super().start()
        server = self._runner.server
        assert server is not None  # noqa: S101  # it was set up; aiohttp's types cannot say so
        loop = asyncio.get_running_loop()
        tls = self._ssl_context
        self._server = await loop.create_server(
            server,
            sock=self._door,
            ssl=tls,
            backlog=_BACKLOG,
            ssl_handshake_timeout=None if tls is None else self._seconds,
            ssl_shutdown_timeout=None if tls is None else _SHUTDOWN_SECONDS,
        )


async def listen(address: str, listeners: list[Listener], bounds: Bounds, leaving: Leaving) -> list[Exit]:
    """Open every listener, or none; return the ways out.

    Args:
        leaving: whether answers say that they are the last on their connections.

    Raises:
        Misconfigured: a port is in use or may not be opened; says which and what to do.
    """
    # asyncio has no setting for it.
    sslproto.SSLProtocol.max_size = _TLS_BUFFER_OCTETS
    exits: list[Exit] = []
    try:
        for listener in listeners:
            exits.append(await _open(address, listener, bounds, leaving))  # noqa: PERF401  # those before the one that fails are closed
    except OSError as error:
        await leave(leaving, exits)
        port = listeners[len(exits)].port
        raise Misconfigured(f"cannot listen on {address} port {port}: {why_not(error)}") from None
    return exits


async def _open(address: str, listener: Listener, bounds: Bounds, leaving: Leaving) -> Exit:
    server = Server(
        edge(
            listener.dialogue,
            listener=listener.name,
            counted=listener.counted,
            body_seconds=bounds.arrival_seconds,
            proxies=listener.proxies,
            apart=listener.apart,
            leaving=leaving,
        ),
        access_log=None,
        logger=_unreadable_log(),
        # Nobody compresses a CSR, and what is unpacked has no size limit of its own.
        auto_decompress=False,
        keepalive_timeout=_KEEPALIVE_SECONDS,
        max_line_size=_MOST_LINE_OCTETS,
        max_field_size=_MOST_CERTIFICATE_OCTETS if listener.proxies.networks else _MOST_LINE_OCTETS,
        max_headers=_MOST_HEADERS,
    )
    server.head_seconds = bounds.arrival_seconds
    runner = web.ServerRunner(server, shutdown_timeout=_CUT_OFF_SECONDS)
    await runner.setup()
    try:
        room = msgspec.structs.replace(bounds.room, trusted=listener.proxies.networks)
        doorman = Doorman(listener.name, room)
        door = Door(address, listener.port, doorman, shares_port=bounds.shares_ports)
        site = _Site(runner, door, listener.tls, bounds.arrival_seconds)
        await site.start()
    except OSError:
        await runner.cleanup()
        raise
    return Exit(runner, site, door, doorman)


def _unreadable_log() -> logging.Logger:
    """Where aiohttp reports what is no HTTP: one line each, or anybody could fill the operator's log."""
    log = logging.getLogger("soapstone.unreadable")
    if not log.filters:
        log.addFilter(_on_one_line)
    return log


def _on_one_line(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    record.msg, record.args = "event=unreadable-request why=%s", (type(error).__name__,)
    record.exc_info, record.levelno, record.levelname = None, logging.WARNING, "WARNING"
    return True


def why_not(error: OSError) -> str:
    """Why a port cannot be opened, and what to do."""
    match error.errno:
        case errno.EADDRINUSE:
            return "the port is in use; stop what uses it, or change `port` in soapstone.toml"
        case errno.EACCES | errno.EPERM:
            return "not allowed; choose a port above 1023, or give the process CAP_NET_BIND_SERVICE"
        case errno.EADDRNOTAVAIL:
            return "no such address on this machine; change `listen` in soapstone.toml"
        case _:
            return error.strerror or str(error)

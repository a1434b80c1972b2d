"""aiohttp to `protocols.wire` and back: the only place where the two meet."""

from __future__ import annotations

from ssl import SSLObject

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

from protocols.wire import Peer, Reply, Request
from server.exporting import ExportingObject
from server.patience import Connection

MOST_BODY_OCTETS = 64 * 1024
"""The widest limit of any protocol; each narrows it for itself."""
_PIECE_OCTETS = 1 << 16


async def read(request: web.BaseRequest) -> Request:
    """Read a whole request.

    At most one octet beyond the widest limit is kept, however the body is framed, so that the protocol can
    refuse what is too large in its own words.
    """
    return _read(request, await _body(request))


def read_at_once(request: web.BaseRequest) -> Request | None:
    """Read a request that is there to its end, as most are when their headers are; None when some is on its way."""
    if not request.content.is_eof():
        return None
    return _read(request, request.content.read_nowait()[: MOST_BODY_OCTETS + 1])


async def _body(request: web.BaseRequest) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MOST_BODY_OCTETS:
            del body[MOST_BODY_OCTETS + 1 :]
            break
    return bytes(body)


def _read(request: web.BaseRequest, body: bytes) -> Request:
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return Request(
        method=request.method,
        path=request.path,
        # As it was sent: whoever reads its fields decodes them, and once.
        query=request.rel_url.raw_query_string,
        headers=headers,
        body=body,
        peer=_known_peer(request),
    )


def write(reply: Reply) -> web.Response:
    """Turn a reply into a response; its Content-Length is known, so it is never chunked."""
    # A short Server header in place of aiohttp's banner: strongSwan reads header blocks below 1,024 octets only.
    headers = [*reply.headers, ("Server", "soapstone")]
    body = InPieces(reply.body) if len(reply.body) > _PIECE_OCTETS else reply.body
    response = web.Response(status=reply.status, headers=headers, body=body)
    if reply.is_last:
        response.force_close()
    return response


class InPieces(Payload):
    """A large body, sent as fast as the client takes it, from the one copy that all who ask for it share.

    Sent whole, a CRL of megabytes would be copied for each client, and others would wait meanwhile.
    """

    _value: bytes

    def __init__(self, octets: bytes) -> None:
        super().__init__(octets)
        self._size = len(octets)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """As text, for whoever looks into a response."""
        return self._value.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send it; the writer waits for the client whenever its buffer is full."""
        octets = memoryview(self._value)
        for start in range(0, len(octets), _PIECE_OCTETS):
            await writer.write(octets[start : start + _PIECE_OCTETS])


def _known_peer(request: web.BaseRequest) -> Peer:
    """Who is at the other end: looked at once, for nothing of it changes while the connection lasts."""
    connection = request.protocol
    if not isinstance(connection, Connection):
        return _peer(request)
    if connection.peer is None:
        connection.peer = _peer(request)
    return connection.peer


def _peer(request: web.BaseRequest) -> Peer:
    transport = request.transport
    if transport is None:
        return Peer(address="unknown")
    peername = transport.get_extra_info("peername")
    address = peername[0] if peername else "unknown"
    tls: SSLObject | None = transport.get_extra_info("ssl_object")
    if tls is None:
        return Peer(address=address)
    cipher: tuple[str, str, int] | None = transport.get_extra_info("cipher")
    return Peer(
        address=address,
        certificate=tls.getpeercert(binary_form=True),
        tls_unique=_tls_unique(tls),
        tls_exporter=_tls_exporter(tls),
        cipher_bits=None if cipher is None else cipher[2],
    )


def _tls_unique(tls: SSLObject) -> bytes | None:
    """The channel binding, where what Python returns is the channel binding.

    Under TLS 1.3 it returns 48 octets that are not it, and a resumed session repeats another one's (WIRE).
    """
    if tls.version() != "TLSv1.2" or tls.session_reused:
        return None
    return tls.get_channel_binding("tls-unique")


def _tls_exporter(tls: SSLObject | ExportingObject) -> bytes | None:
    """The channel binding of TLS 1.3, which the standard library cannot tell."""
    return tls.get_channel_binding("tls-exporter") if isinstance(tls, ExportingObject) else None

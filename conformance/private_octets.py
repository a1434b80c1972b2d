"""What must not leave a browser: any few octets of it in what was sent, however they are spelled there."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote_to_bytes

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from playwright.sync_api import BrowserContext, Request, WebSocket

FEWEST = 8
"""So many octets in a row of something secret are not met by chance."""
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{11,}")
_HEX = re.compile(rb"[0-9A-Fa-f]{16,}")
_BETWEEN = re.compile(rb"[\s:]+")


def private_numbers(key: object) -> list[bytes]:
    """What makes a key private, each number as big-endian octets: so it stands in PKCS #8, and in a JWK as base64url.

    All else in either of them is public, or the same in every key.
    """
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return [key.private_numbers().private_value.to_bytes((key.key_size + 7) // 8)]
    assert isinstance(key, rsa.RSAPrivateKey)
    its = key.private_numbers()
    return [
        number.to_bytes((number.bit_length() + 7) // 8)
        for number in (its.d, its.p, its.q, its.dmp1, its.dmq1, its.iqmp)
    ]


def spilled(sent: bytes, secrets: Iterable[bytes]) -> list[bytes]:
    """The pieces of secrets that are in what was sent: plain, in base64, base64url or hex, percent-encoded or not.

    Args:
        secrets: each of `FEWEST` octets or more.
    """
    pieces = {secret[at : at + FEWEST] for secret in secrets for at in range(len(secret) - FEWEST + 1)}
    assert pieces, "there is nothing to look for"
    return sorted({piece for read in _readings(sent) for piece in _slices(read) if piece in pieces})


def _slices(octets: bytes) -> Iterator[bytes]:
    return (octets[at : at + FEWEST] for at in range(len(octets) - FEWEST + 1))


def _readings(sent: bytes) -> Iterator[bytes]:
    """What it is, and what all that looks encoded in it would be, wherever the encoding began."""
    for text in (sent, unquote_to_bytes(sent)):
        yield text
        # Lines of PEM, and octets with colons between them, are read as one.
        joined = _BETWEEN.sub(b"", text)
        for run in _HEX.findall(joined):
            yield from (bytes.fromhex(_whole(run[at:], 2).decode()) for at in range(2))
        for run in _BASE64.findall(joined.translate(bytes.maketrans(b"-_", b"+/"))):
            yield from (base64.b64decode(_whole(run[at:], 4)) for at in range(4))


def _whole(run: bytes, group: int) -> bytes:
    """As many characters as are whole groups; what is left over is less than a group of a secret's end."""
    return run[: len(run) // group * group]


class Capture:
    """Every request of a browser's session from now on, and the web sockets of its pages."""

    def __init__(self, context: BrowserContext) -> None:
        self.requests: list[Request] = []
        self.sockets: list[str] = []
        context.on("request", self._note)
        for page in context.pages:
            page.on("websocket", self._open)

    def _note(self, request: Request) -> None:
        self.requests.append(request)

    def _open(self, socket: WebSocket) -> None:
        self.sockets.append(socket.url)

    def sent(self) -> bytes:
        """Addresses, headers and bodies of them all, while the session lasts; nothing of a body may be missing."""
        assert self.sockets == []
        return b"\n".join(part for request in self.requests for part in _parts(request))


def _parts(request: Request) -> Iterator[bytes]:
    headers, body = request.all_headers(), request.post_data_buffer or b""
    length = headers.get("content-length", "0")
    assert int(length) == len(body), f"{request.method} {request.url}: {len(body)} of {length} octets were captured"
    assert "transfer-encoding" not in headers
    yield f"{request.method} {request.url}".encode()
    yield from (f"{name}: {value}".encode() for name, value in headers.items())
    yield body

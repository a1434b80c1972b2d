"""HTTP as plain values, so that protocol code never meets a web framework."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec


class Peer(msgspec.Struct, frozen=True):
    """Who is at the other end of the connection.

    Attributes:
        address: textual IP address.
        certificate: DER of the TLS client certificate whose chain and signature the handshake verified, but
            whose dates and status it did not; None when none was presented.
        tls_unique: the first Finished message (RFC 5929, 3), under TLS 1.2 without resumption only; else None.
        tls_exporter: 32 exported octets (RFC 9266), under TLS 1.3 where the runtime can export; else None.
        cipher_bits: how long the key is that keeps the connection secret; None where nobody knows, as behind a proxy.
    """

    address: str
    certificate: bytes | None = None
    tls_unique: bytes | None = None
    tls_exporter: bytes | None = None
    cipher_bits: int | None = None

    @property
    def channel_binding(self) -> bytes | None:
        """What this connection has and no other: each version of TLS has one kind; None where there is none."""
        return self.tls_unique if self.tls_exporter is None else self.tls_exporter


class Request(msgspec.Struct, frozen=True):
    """One HTTP request.

    Attributes:
        method: upper case.
        path: percent-decoded path, without the query.
        query: the raw query string, without `?`.
        headers: lower-case names; of a repeated header the values are joined by `, `.
        body: the whole body, at most the listener's limit.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    peer: Peer
    query: str = ""

    @property
    def media_type(self) -> str:
        """The Content-Type without its parameters, in lower case (RFC 9110, 8.3.1)."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Reply(msgspec.Struct, frozen=True):
    """One HTTP answer. `Content-Length` is the bridge's to add; a HEAD request gets the headers only.

    Attributes:
        is_last: whether the connection ends with it.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    is_last: bool = False


def plain_text(status: int, sentence: str, *headers: tuple[str, str]) -> Reply:
    """One short sentence as text/plain, as EST and the repository answer errors."""
    return Reply(
        status,
        (("Content-Type", "text/plain; charset=utf-8"), *headers),
        sentence.encode() + b"\n",
    )


def is_matched(etag: str, if_none_match: str) -> bool:
    """Whether a client has what this entity tag stands for; weak tags match too (RFC 9110, 8.8.3.2)."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in tags or "*" in tags


def digest_etag(body: bytes) -> str:
    """An entity tag that only this body has."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'

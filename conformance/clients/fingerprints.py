"""EST clients that cannot be installed here: what they send, and how they read what comes back.

Read in their sources in November 2026: libest (est_client.c, est_client_http.c), BouncyCastle (org.bouncycastle.est),
Azure's aziot-certd (est.rs, on hyper), hostap's hs20-osu-client (est.c, on libcurl) and GlobalSign's est 1.0.6.
Headers and their order, line breaks and framing are theirs. Each reader fails where its client does, and is as lenient.
"""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import Callable
from typing import NamedTuple

_LIBEST_HEADER_OCTETS = 1_024
_LIBEST_HEADERS = 15
_LIBEST_CERTIFICATE_OCTETS = 4_096
_OPENSSL_LINE_COLUMNS = 76
_BOUNCY_LINE_OCTETS = 1_024
_MAKES_KEYS = ("application/pkcs8", "application/pkcs7-mime; smime-type=certs-only")
_WHITE = re.compile(rb"\s+")


CLOSED = "closed"


class Answer(NamedTuple):
    """An answer as it came.

    Attributes:
        records: the octets of each TLS record, in order.
        ending: CLOSED where the server closed the connection after it, with TLS's own farewell; else what happened.
    """

    records: list[bytes]
    ending: str = ""

    @property
    def raw(self) -> bytes:
        return b"".join(self.records)

    @property
    def head(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]

    @property
    def status(self) -> int:
        return int(self.head.split(b" ", 2)[1])

    @property
    def headers(self) -> list[tuple[str, str]]:
        lines = self.head.decode("ascii").split("\r\n")[1:]
        return [(name, value) for name, _, value in (line.partition(": ") for line in lines)]

    def header(self, name: str) -> str | None:
        """The one value of a header, its name in any case; twice is a fault."""
        values = [value for key, value in self.headers if key.lower() == name]
        assert len(values) <= 1, values
        return values[0] if values else None


class Fingerprint(NamedTuple):
    """One client.

    Attributes:
        get: its GET; `{path}` and `{host}` are filled in.
        post: its POST, with `{length}` of the body; `{authorization}` is a whole line or nothing.
        body: what it makes of a request's DER.
        frame: what it puts on the wire for that body.
        certificates: what it makes of an answer, in DER; where it fails, this does.
        tls: the highest version that it speaks.
    """

    name: str
    get: str
    post: str
    body: Callable[[bytes], bytes]
    frame: Callable[[bytes], bytes]
    certificates: Callable[[Answer], bytes]
    tls: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3


def lines_of_64(der: bytes) -> bytes:
    """Base64 in lines of 64 columns: OpenSSL's and BouncyCastle's."""
    text = base64.b64encode(der)
    return b"".join(text[start : start + 64] + b"\n" for start in range(0, len(text), 64))


def pem(der: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE REQUEST-----\n" + lines_of_64(der) + b"-----END CERTIFICATE REQUEST-----\n"


def as_it_is(body: bytes) -> bytes:
    return body


def with_a_line_break(body: bytes) -> bytes:
    """libest ends its request with CRLF, which Content-Length does not count."""
    return body + b"\r\n"


def chunked(body: bytes) -> bytes:
    """In chunks, the last of them empty (RFC 9112, 7.1)."""
    half = len(body) // 2
    parts = [body[:half], body[half:], b""]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


def _content(answer: Answer) -> bytes:
    """As long as Content-Length says, and framed by nothing else."""
    assert answer.header("transfer-encoding") is None
    assert answer.header("content-encoding") is None
    assert len(answer.body) == int(answer.header("content-length") or -1)
    return answer.body


def libest_reads(answer: Answer) -> bytes:
    """The first read must bring the whole head and the body with it; base64 is OpenSSL's filter, which needs lines."""
    assert answer.records[0].startswith(b"HTTP/1.1 200")
    assert len(answer.records) == 1
    assert len(answer.head) + 4 < _LIBEST_HEADER_OCTETS
    assert len(answer.headers) <= _LIBEST_HEADERS
    # It compares names and type letter by letter, and reads until the connection is closed as TLS wants it.
    assert ("Content-Type", "application/pkcs7-mime; smime-type=certs-only") in answer.headers
    assert "Content-Length" in dict(answer.headers)
    assert answer.ending == CLOSED
    body = _content(answer)
    assert body.endswith(b"\n")
    assert max(map(len, body.splitlines())) <= _OPENSSL_LINE_COLUMNS
    return base64.b64decode(body)


def parts_read(answer: Answer) -> tuple[bytes, bytes]:
    """A key that the server made, and its certificate, as GlobalSign's client and libest look for them."""
    assert answer.status == 200
    kind, _, boundary = (answer.header("content-type") or "").partition("; boundary=")
    assert kind == "multipart/mixed"
    before, *parts, after = _content(answer).split(f"--{boundary}".encode())
    assert (before, after) == (b"", b"--\r\n")
    heads, bodies = zip(*(part.strip(b"\r\n").split(b"\r\n\r\n") for part in parts), strict=True)
    assert tuple(heads) == tuple(
        f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64".encode() for kind in _MAKES_KEYS
    )
    key, certificates = (base64.b64decode(body) for body in bodies)
    return key, certificates


def bouncy_castle_reads(answer: Answer) -> bytes:
    """It decodes as many as 1,024 octets of a line at a time, if the answer says that it is base64."""
    assert answer.header("content-transfer-encoding") == "base64"
    assert answer.status == 200
    body = _content(answer)
    pieces = [
        line[start : start + _BOUNCY_LINE_OCTETS]
        for line in body.splitlines(keepends=True)
        for start in range(0, len(line), _BOUNCY_LINE_OCTETS)
    ]
    return b"".join(base64.b64decode(piece.strip(), validate=True) for piece in pieces)


def aziot_reads(answer: Answer) -> bytes:
    """The type is compared as it is written; the body may be PEM, else base64 of which white space is dropped."""
    assert answer.status == 200
    assert (answer.header("content-type") or "").startswith("application/pkcs7-mime;")
    return base64.b64decode(_WHITE.sub(b"", _content(answer)), validate=True)


def hostap_reads(answer: Answer) -> bytes:
    """What is no base64 is skipped; the rest must come in fours."""
    assert answer.status == 200
    letters = re.sub(rb"[^A-Za-z0-9+/=]", b"", _content(answer))
    assert len(letters) % 4 == 0
    return base64.b64decode(letters)


def globalsign_reads(answer: Answer) -> bytes:
    """It insists on the type and on the encoding."""
    assert answer.status == 200
    assert (answer.header("content-type") or "").partition(";")[0] == "application/pkcs7-mime"
    assert answer.header("content-transfer-encoding") == "base64"
    return base64.b64decode(_content(answer))


_LIBEST = "User-Agent: libest client 1.0\r\nConnection: close\r\nHost: {host}\r\nAccept: */*\r\n"
_GLOBALSIGN = "Host: {host}\r\nUser-Agent: GlobalSign EST Client v1.0.6 github.com/globalsign/est\r\n"
_PKCS10 = "Content-Type: application/pkcs10\r\n"
_ENCODED = "Content-Transfer-Encoding: base64\r\n"
_SIZED = "Content-Length: {length}\r\n"

FINGERPRINTS = (
    Fingerprint(
        "libest",
        get=f"GET {{path}} HTTP/1.1\r\n{_LIBEST}\r\n\r\n",
        post=f"POST {{path}} HTTP/1.1\r\n{_LIBEST}{_PKCS10}{_SIZED}{{authorization}}\r\n",
        body=lines_of_64,
        frame=with_a_line_break,
        certificates=libest_reads,
        tls=ssl.TLSVersion.TLSv1_2,
    ),
    Fingerprint(
        "bouncy-castle",
        get="GET {path} HTTP/1.1\r\nConnection: close\r\nHost: {host}\r\n\r\n",
        post=f"POST {{path}} HTTP/1.1\r\n{_PKCS10}{_SIZED}{_ENCODED}{{authorization}}"
        "Connection: close\r\nHost: {host}\r\n\r\n",
        body=lines_of_64,
        frame=as_it_is,
        certificates=bouncy_castle_reads,
    ),
    Fingerprint(
        "aziot-certd",
        get="GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n",
        post=f"POST {{path}} HTTP/1.1\r\n{{authorization}}{_PKCS10}{_ENCODED}host: {{host}}\r\n{_SIZED}\r\n".replace(
            "Content-", "content-"
        ),
        body=pem,
        frame=as_it_is,
        certificates=aziot_reads,
    ),
    Fingerprint(
        "hostap",
        get="GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n",
        post="POST {path} HTTP/1.1\r\nHost: {host}\r\n{authorization}Accept: */*\r\n"
        f"{_PKCS10}{_ENCODED}{_SIZED}\r\n",
        body=lines_of_64,
        frame=as_it_is,
        certificates=hostap_reads,
    ),
    Fingerprint(
        "globalsign",
        get=f"GET {{path}} HTTP/1.1\r\n{_GLOBALSIGN}Accept: application/pkcs7-mime\r\nAccept-Encoding: gzip\r\n\r\n",
        post=f"POST {{path}} HTTP/1.1\r\n{_GLOBALSIGN}Transfer-Encoding: chunked\r\nAccept: application/pkcs7-mime\r\n"
        f"{{authorization}}{_ENCODED}{_PKCS10}Accept-Encoding: gzip\r\n\r\n",
        body=base64.b64encode,
        frame=chunked,
        certificates=globalsign_reads,
    ),
)

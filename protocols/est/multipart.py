"""A private key and its certificate in one reply (RFC 7030, 4.4.2; RFC 2046, 5.1)."""

from __future__ import annotations

from protocols.encoding import single_line_base64, wrapped_base64
from protocols.est.messages import CERTS_ONLY_HEADERS
from protocols.wire import Reply

CLEAR = "application/pkcs8"
ENVELOPED = "application/pkcs7-mime; smime-type=server-generated-key"

# No base64 has an underscore, so that none of the parts can hold it.
_BOUNDARY = "_estServerKeyGeneration_"
_HEADERS = (
    ("Content-Type", f"multipart/mixed; boundary={_BOUNDARY}"),
    # Where the key is in the clear, this is its one copy but the client's.
    ("Cache-Control", "no-store"),
)


def key_reply(key_type: str, key: bytes, certs_only: bytes, *, single_line: bool) -> Reply:
    """The key first, then exactly what `/simpleenroll` answers.

    Args:
        key_type: CLEAR or ENVELOPED.
        key: PKCS #8 or the message around it, in DER.
        certs_only: the certificate as certs-only CMS.
    """
    key_headers = (("Content-Type", key_type), ("Content-Transfer-Encoding", "base64"))
    parts = ((key_headers, key), (CERTS_ONLY_HEADERS, certs_only))
    body = b"".join(_part(headers, der, single_line=single_line) for headers, der in parts)
    return Reply(200, _HEADERS, body + f"--{_BOUNDARY}--\r\n".encode())


def _part(headers: tuple[tuple[str, str], ...], der: bytes, *, single_line: bool) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    base64 = single_line_base64(der) if single_line else wrapped_base64(der)
    return f"--{_BOUNDARY}\r\n{head}\r\n".encode() + base64.replace(b"\n", b"\r\n")

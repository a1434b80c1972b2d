"""What answers tls-alpn-01, rightly or with one flaw: certificates, and listeners that show them."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from protocols.acme.alpn import ACME_IDENTIFIER, PROTOCOL

_KEY = ec.generate_private_key(ec.SECP256R1())
_PUBLIC_KEY = _KEY.public_key()
_CA_KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(
    names: Sequence[x509.GeneralName],
    key_authorization: str,
    *,
    critical: bool = True,
    extension: bytes | None = None,
    with_proof: bool = True,
    issuer: str = "",
    signed_by_ca: bool = False,
    public_key: CertificatePublicKeyTypes = _PUBLIC_KEY,
) -> x509.Certificate:
    """A certificate for `_KEY`, or another key.

    Args:
        names: the subject alternative names; none: no extension of that kind.
        extension: the value of acmeIdentifier, where it is not the right one.
        issuer: its name; the subject's is empty.
        signed_by_ca: whether another key signs.
    """
    now = datetime(2030, 1, 1, tzinfo=UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name.from_rfc4514_string(issuer))
        .public_key(public_key)
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if with_proof:
        right = b"\x04\x20" + hashlib.sha256(key_authorization.encode()).digest()
        value = right if extension is None else extension
        builder = builder.add_extension(x509.UnrecognizedExtension(ACME_IDENTIFIER, value), critical=critical)
    return builder.sign(_CA_KEY if signed_by_ca else _KEY, hashes.SHA256())


@asynccontextmanager
async def listener(
    shown: x509.Certificate,
    folder: Path,
    *,
    protocols: tuple[str, ...] = (PROTOCOL,),
    host: str = "127.0.0.1",
    asked: list[tuple[str | None, bytes]] | None = None,
) -> AsyncIterator[int]:
    """A TLS server that shows a certificate; yields its port.

    Args:
        asked: takes the server name of each handshake, and what was sent after it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pem = folder / "shown.pem"
    key = _KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(shown.public_bytes(Encoding.PEM) + key)
    context.load_cert_chain(pem)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    names: list[str | None] = []
    context.sni_callback = lambda _, name, __: names.append(name)

    served: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            sent = await reader.read()
        except (ConnectionError, ssl.SSLError):
            sent = b""
        if asked is not None:
            asked.append((names[-1], sent))
        writer.transport.abort()

    server = await asyncio.start_server(
        lambda reader, writer: served.append(asyncio.create_task(serve(reader, writer))), host, 0, ssl=context
    )
    async with server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.wait_for(asyncio.gather(*served), 5)

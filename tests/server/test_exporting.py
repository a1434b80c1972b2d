"""The EST listener's TLS, by pyOpenSSL and by the standard library: whatever carries it, EST sees the same."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from OpenSSL import SSL

from server.exporting import ExportingContext, why_not
from server.listeners import est_context
from tests.builders.listening import Echo, listening
from tests.builders.tls import CLIENT, NOW, Leaf, TestCa

CA = TestCa()
OWN = CA.issue()
BOTH = pytest.mark.parametrize("exporting", [True, False], ids=["pyOpenSSL", "library"])
VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


def server_tls(folder: Path, *, exporting: bool) -> ssl.SSLContext:
    context = est_context(CA.pem, exporting=exporting)
    context.load_cert_chain(OWN.written(folder / "own.pem"))
    return context


def client_tls(folder: Path, version: ssl.TLSVersion, own: Leaf | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=CA.pem)
    context.minimum_version = context.maximum_version = version
    if own is not None:
        context.load_cert_chain(own.written(folder / "client.pem"))
    return context


async def post(port: int, tls: ssl.SSLContext, body: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname="localhost")
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def test_both_ends_export_the_same_here() -> None:
    assert why_not() is None


@BOTH
@VERSIONS
async def test_a_large_body_comes_whole(tmp_path: Path, version: ssl.TLSVersion, exporting: bool) -> None:
    echo = Echo()

    async with listening(echo, server_tls(tmp_path, exporting=exporting)) as port:
        answer = await post(port, client_tls(tmp_path, version), b"a" * 60_000)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert echo.asked[0].body == b"a" * 60_000
    assert echo.asked[0].peer.certificate is None


@BOTH
@VERSIONS
async def test_a_version_has_one_kind_of_channel_binding(
    tmp_path: Path, version: ssl.TLSVersion, exporting: bool
) -> None:
    echo = Echo()

    async with listening(echo, server_tls(tmp_path, exporting=exporting)) as port:
        await post(port, client_tls(tmp_path, version), b"")
        await post(port, client_tls(tmp_path, version), b"")

    first, second = (request.peer for request in echo.asked)
    is_old = version == ssl.TLSVersion.TLSv1_2
    assert len(first.tls_unique or b"") == (12 if is_old else 0)
    assert len(first.tls_exporter or b"") == (32 if exporting and not is_old else 0)
    if is_old or exporting:
        assert first.channel_binding != second.channel_binding


@BOTH
@VERSIONS
async def test_a_client_certificate_arrives_also_when_it_has_expired(
    tmp_path: Path, version: ssl.TLSVersion, exporting: bool
) -> None:
    echo = Echo()
    leaf = CA.issue("device", usage=CLIENT, end=NOW - timedelta(hours=1))

    async with listening(echo, server_tls(tmp_path, exporting=exporting)) as port:
        await post(port, client_tls(tmp_path, version, leaf), b"")

    assert echo.asked[0].peer.certificate == leaf.der


@BOTH
@pytest.mark.parametrize("leaf", [TestCa("Other CA").issue("device", usage=CLIENT), CA.issue("device")])
async def test_a_foreign_or_unfit_certificate_ends_the_handshake(tmp_path: Path, leaf: Leaf, exporting: bool) -> None:
    echo = Echo()

    async with listening(echo, server_tls(tmp_path, exporting=exporting)) as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await post(port, client_tls(tmp_path, ssl.TLSVersion.TLSv1_2, leaf), b"")

    assert echo.asked == []


@BOTH
@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"", bytes(600)])
async def test_what_is_no_tls_ends_its_connection_and_no_other(tmp_path: Path, garbage: bytes, exporting: bool) -> None:
    echo = Echo()

    async with listening(echo, server_tls(tmp_path, exporting=exporting)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(garbage)
        writer.write_eof()
        await reader.read()
        writer.close()
        answer = await post(port, client_tls(tmp_path, ssl.TLSVersion.TLSv1_3), b"")

    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_a_new_certificate_serves_new_connections_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    echo, other = Echo(), TestCa("Next CA")
    context = server_tls(tmp_path, exporting=True)
    mixed = tmp_path / "mixed.pem"
    mixed.write_bytes(OWN.pem.partition(b"-----BEGIN CERT")[0] + CA.issue().pem)
    key = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    strange = tmp_path / "strange.pem"
    strange.write_bytes(key + CA.pem.encode())

    for bad in (mixed, strange, tmp_path / "missing.pem"):
        with pytest.raises(OSError, match=r"fit together|must be EC or RSA|No such file"):
            context.load_cert_chain(bad)
    context.load_verify_locations(cadata=other.pem)
    leaf = other.issue("device", usage=CLIENT)
    async with listening(echo, context) as port:
        await post(port, client_tls(tmp_path, ssl.TLSVersion.TLSv1_3, leaf), b"")

    assert echo.asked[0].peer.certificate == leaf.der


@BOTH
@VERSIONS
@pytest.mark.parametrize("name", ["localhost", None])
def test_no_ticket_is_sent_that_would_open_nothing(
    tmp_path: Path, name: str | None, version: ssl.TLSVersion, exporting: bool
) -> None:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_tls(tmp_path, exporting=exporting).wrap_bio(to_server, to_client, server_side=True)
    context = client_tls(tmp_path, version)
    context.check_hostname = False
    client = context.wrap_bio(to_client, to_server, server_hostname=name)

    for _ in range(3):
        with suppress(ssl.SSLWantReadError):
            client.do_handshake()
        with suppress(ssl.SSLWantReadError):
            server.do_handshake()

    assert client.version() == server.version()
    # Under TLS 1.3 they would come behind the handshake.
    assert to_client.pending == 0
    assert client.session is None or not client.session.has_ticket


def test_nobody_renegotiates(tmp_path: Path) -> None:
    """RFC 9266, 4.2; a second handshake would change under way who the client is."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_tls(tmp_path, exporting=True).wrap_bio(to_server, to_client, server_side=True)
    ours = SSL.Context(SSL.TLS_CLIENT_METHOD)
    ours.set_max_proto_version(SSL.TLS1_2_VERSION)
    client = SSL.Connection(ours, None)
    client.set_connect_state()

    def turn(step: Callable[[], object]) -> None:
        with suppress(SSL.WantReadError):
            step()
        with suppress(SSL.WantReadError):
            to_server.write(client.bio_read(1 << 16))
        with suppress(ssl.SSLWantReadError):
            server.read(1 << 16)
        if to_client.pending:
            client.bio_write(to_client.read())

    def shake_hands() -> None:
        for _ in range(3):
            turn(client.do_handshake)

    shake_hands()
    assert server.version() == "TLSv1.2"

    assert client.renegotiate()
    with pytest.raises(SSL.Error, match="no renegotiation"):
        shake_hands()


def test_a_context_without_a_certificate_serves_nobody() -> None:
    context = ExportingContext(ssl.PROTOCOL_TLS_SERVER)

    with pytest.raises(ssl.SSLError, match="no certificate"):
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)

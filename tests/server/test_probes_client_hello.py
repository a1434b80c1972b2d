"""What a probe of tls-alpn-01 says first, octet by octet (RFC 8737, 3 and 4; RFC 6066, 3; RFC 8446, 4.1.2)."""

from __future__ import annotations

import asyncio
import ipaddress

import pytest

from ca_core import names
from protocols.acme import challenges
from protocols.acme.probes import Question
from server.probes.network import NetworkProbes
from server.probes.policy import ProbePolicy

SERVER_NAME, ALPN, SUPPORTED_VERSIONS = 0, 16, 43
TLS_1_2, TLS_1_3 = b"\x03\x03", b"\x03\x04"


async def hello(name: str) -> bytes:
    """The first record that a listener at loopback is sent."""
    came: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set_result(await reader.read(4096))
        writer.transport.abort()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        allowed = (ipaddress.ip_network("127.0.0.0/8"),)
        policy = ProbePolicy(
            tls_alpn_01_port=server.sockets[0].getsockname()[1], allowed=allowed, resolvers=(), total_seconds=5.0
        )
        kind = names.ip if name[-1].isdigit() else names.dns
        seen = await NetworkProbes(policy).look(Question(challenges.TLS_ALPN_01, kind(name), "token", "token.x", ""))
        assert not seen.proved
        return await came


def extensions(record: bytes) -> dict[int, bytes]:
    """The extensions of a ClientHello that fits into one record."""
    assert record[0] == 22
    at = 5 + 4 + 2 + 32
    at += 1 + record[at]
    at += 2 + int.from_bytes(record[at : at + 2], "big")
    at += 1 + record[at]
    end = at + 2 + int.from_bytes(record[at : at + 2], "big")
    found, at = {}, at + 2
    while at < end:
        length = int.from_bytes(record[at + 2 : at + 4], "big")
        found[int.from_bytes(record[at : at + 2], "big")] = record[at + 4 : at + 4 + length]
        at += 4 + length
    return found


@pytest.mark.parametrize(
    ("name", "server_name"), [("www.localhost", b"www.localhost"), ("127.0.0.1", b"1.0.0.127.in-addr.arpa")]
)
async def test_it_offers_one_protocol_and_one_name(name: str, server_name: bytes) -> None:
    said = extensions(await hello(name))

    assert said[ALPN] == b"\x00\x0b\x0aacme-tls/1"
    host = b"\x00" + len(server_name).to_bytes(2, "big") + server_name
    assert said[SERVER_NAME] == len(host).to_bytes(2, "big") + host


async def test_it_offers_no_tls_below_1_2() -> None:
    versions = extensions(await hello("www.localhost"))[SUPPORTED_VERSIONS][1:]

    assert {versions[at : at + 2] for at in range(0, len(versions), 2)} == {TLS_1_2, TLS_1_3}

"""tls-alpn-01 over the network: RFC 8737, 3; RFC 8738, 6; WIRE, "Probes"."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp.test_utils import unused_port
from cryptography import x509

from ca_core import names
from conformance.dns import Responder
from protocols.acme import challenges
from protocols.acme.probes import Question, Seen
from server.probes.network import NetworkProbes
from server.probes.policy import Address, Network, ProbePolicy
from tests.builders.alpn import certificate, listener
from tests.builders.dns import name_server

KEY_AUTHORIZATION = "token.thumbprint"
SAN = (x509.DNSName("www.localhost"),)
RIGHT = certificate(SAN, KEY_AUTHORIZATION)
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


async def look(
    port: int,
    name: str = "www.localhost",
    *,
    allowed: tuple[Network, ...] = LOOPBACK,
    resolvers: tuple[str, ...] = (),
    own_listeners: frozenset[tuple[Address, int]] = frozenset(),
    total_seconds: float = 5.0,
) -> Seen:
    policy = ProbePolicy(
        tls_alpn_01_port=port,
        allowed=allowed,
        resolvers=resolvers,
        own_listeners=own_listeners,
        total_seconds=total_seconds,
    )
    kind = names.ip if name[-1].isdigit() else names.dns
    question = Question(challenges.TLS_ALPN_01, kind(name), "token", KEY_AUTHORIZATION, "")
    return await NetworkProbes(policy).look(question)


def assert_unproved(seen: Seen, problem: str, words: str) -> None:
    assert (seen.proved, seen.problem) == (False, problem)
    assert words in seen.detail


async def test_the_certificate_proves_and_nothing_is_sent_after_the_handshake(tmp_path: Path) -> None:
    asked: list[tuple[str | None, bytes]] = []

    async with listener(RIGHT, tmp_path, asked=asked) as port:
        seen = await look(port)
        await asyncio.sleep(0.05)

    assert seen == Seen(proved=True)
    assert asked == [("www.localhost", b"")]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_an_address_is_asked_for_by_its_name_in_the_reverse_tree(tmp_path: Path, address: str) -> None:
    shown = certificate([x509.IPAddress(ipaddress.ip_address(address))], KEY_AUTHORIZATION)
    asked: list[tuple[str | None, bytes]] = []

    async with listener(shown, tmp_path, host=address, asked=asked) as port:
        seen = await look(port, address)
        await asyncio.sleep(0.05)

    assert seen.proved
    assert asked == [(ipaddress.ip_address(address).reverse_pointer, b"")]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_nobody_is_asked_in_the_dns_about_an_address(tmp_path: Path, address: str) -> None:
    """RFC 8738, 4."""
    shown = certificate([x509.IPAddress(ipaddress.ip_address(address))], KEY_AUTHORIZATION)

    with Responder() as dns:
        async with listener(shown, tmp_path, host=address) as port:
            seen = await look(port, address, resolvers=(dns.address,))

    assert seen.proved
    assert not dns.asked


async def test_a_certificate_that_does_not_answer_is_told_in_kind(tmp_path: Path) -> None:
    async with listener(certificate(SAN, "other.thumbprint"), tmp_path) as port:
        seen = await look(port)

    assert_unproved(seen, "incorrectResponse", f"www.localhost at 127.0.0.1, port {port}: the certificate has an acme")


@pytest.mark.parametrize("protocols", [(), ("h2", "http/1.1")])
async def test_who_does_not_speak_the_protocol_proves_nothing(tmp_path: Path, protocols: tuple[str, ...]) -> None:
    async with listener(RIGHT, tmp_path, protocols=protocols) as port:
        seen = await look(port)

    assert not seen.proved
    assert seen.problem in {"incorrectResponse", "tls"}


@asynccontextmanager
async def speaking(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    served: list[asyncio.Task[None]] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(
        lambda reader, writer: served.append(asyncio.create_task(once(reader, writer))), "127.0.0.1", 0
    )
    async with server:
        yield server.sockets[0].getsockname()[1]
    for task in served:
        task.cancel()
    await asyncio.gather(*served, return_exceptions=True)


async def test_what_is_no_tls_is_a_tls_problem() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        await writer.drain()
        await asyncio.sleep(0.1)

    async with speaking(serve) as port:
        seen = await look(port)

    assert_unproved(seen, "tls", "failed in the TLS handshake")
    assert "SSH" not in seen.detail


async def test_who_hangs_up_is_a_connection_problem() -> None:
    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async with speaking(serve) as port:
        assert_unproved(await look(port), "connection", "ended the connection")


async def test_who_says_nothing_is_given_up() -> None:
    async def serve(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1)

    async with speaking(serve) as port:
        assert_unproved(await look(port, total_seconds=0.3), "connection", "was not read within 0.3 s")


async def test_a_closed_port_names_address_and_port() -> None:
    port = unused_port()

    seen = await look(port)

    assert_unproved(seen, "connection", f"127.0.0.1, port {port}, took no connection")
    assert not seen.is_final


async def test_the_next_address_is_tried_when_one_takes_no_connection(tmp_path: Path) -> None:
    shown = certificate([x509.DNSName("two.example.com")], KEY_AUTHORIZATION)
    async with (
        name_server({"two.example.com": [["::1", "127.0.0.3", "127.0.0.2"]]}) as dns,
        listener(shown, tmp_path, host="127.0.0.2") as port,
    ):
        assert (await look(port, "two.example.com", resolvers=(dns.address,))).proved


async def test_a_name_of_loopback_is_not_dialled(tmp_path: Path) -> None:
    async with name_server({"in.example.com": [["127.0.0.1", "169.254.169.254"]]}) as dns:
        asked: list[tuple[str | None, bytes]] = []
        async with listener(RIGHT, tmp_path, asked=asked) as port:
            seen = await look(port, "in.example.com", resolvers=(dns.address,), allowed=())

    assert_unproved(seen, "connection", "is not dialled, for it is a loopback address")
    assert "link-local" in seen.detail
    assert seen.is_final
    assert asked == []


async def test_an_own_listener_is_not_dialled_even_where_loopback_is_allowed(tmp_path: Path) -> None:
    async with listener(RIGHT, tmp_path) as port:
        seen = await look(port, own_listeners=frozenset({(ipaddress.ip_address("127.0.0.1"), port)}))

    assert_unproved(seen, "connection", "one of our own listeners")


async def test_an_unknown_name_is_a_dns_problem() -> None:
    async with name_server({}) as dns:
        assert_unproved(await look(443, "nobody.example.com", resolvers=(dns.address,)), "dns", "has no address")

"""What a TLS connection holds of the server's memory: while it says nothing, and when it says too much."""

from __future__ import annotations

import asyncio
import socket
import ssl
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest

from protocols.wire import Reply, Request, plain_text
from server.listeners import est_context
from tests.builders.listening import Echo, listening
from tests.builders.tls import TestCa

CA = TestCa()
OWN = CA.issue()
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
MANY = 10_000 * REQUEST
MOST_SENT = 100
BOTH = pytest.mark.parametrize("exporting", [True, False], ids=["pyOpenSSL", "library"])
VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


def server_tls(folder: Path, *, exporting: bool) -> ssl.SSLContext:
    context = est_context(CA.pem, exporting=exporting)
    context.load_cert_chain(OWN.written(folder / "own.pem"))
    return context


class Talker(Echo):
    """Answers with as much as it is told to."""

    def __init__(self, octets: int) -> None:
        super().__init__()
        self._octets = octets

    async def answer(self, request: Request) -> Reply:
        await super().answer(request)
        return plain_text(200, "a" * self._octets)


class Client:
    """One that decides itself when it reads; everything in it waits, and is called in a thread."""

    def __init__(self, port: int, version: ssl.TLSVersion) -> None:
        context = ssl.create_default_context(cadata=CA.pem)
        context.minimum_version = context.maximum_version = version
        raw = socket.socket()
        # Room for little, so that the server soon has to keep its answers.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        raw.connect(("127.0.0.1", port))
        self._tls = context.wrap_socket(raw, server_hostname="localhost")

    def send_until_stopped(self) -> int:
        """How many times `MANY` could be sent; a connection that takes nothing for a second takes nothing more."""
        self._tls.settimeout(1)
        sent = 0
        with suppress(TimeoutError):
            while sent < MOST_SENT:
                self._tls.sendall(MANY)
                sent += 1
        return sent

    def send_in_pieces(self, octets: bytes, size: int) -> None:
        for start in range(0, len(octets), size):
            self._tls.sendall(octets[start : start + size])

    def read_until(self, octets: int) -> bytes:
        """As many octets, or all there are."""
        self._tls.settimeout(10)
        taken = bytearray()
        while len(taken) < octets and (piece := self._tls.recv(16_384)):
            taken += piece
        return bytes(taken)

    def close(self) -> None:
        self._tls.close()


@BOTH
@VERSIONS
async def test_who_asks_on_and_takes_no_answers_is_left_unread_until_he_does(
    tmp_path: Path, version: ssl.TLSVersion, exporting: bool
) -> None:
    talker = Talker(1_000)
    async with listening(talker, server_tls(tmp_path, exporting=exporting)) as port:
        client = await asyncio.to_thread(Client, port, version)

        sent = await asyncio.to_thread(client.send_until_stopped)
        answered = len(talker.asked)
        answers = await asyncio.to_thread(client.read_until, (answered + 500) * 1_100)

        await asyncio.to_thread(client.close)
    assert sent < MOST_SENT
    assert answers.count(b"HTTP/1.1 200 OK\r\n") > answered


@BOTH
@VERSIONS
async def test_a_body_that_comes_in_crumbs_comes_whole(
    tmp_path: Path, version: ssl.TLSVersion, exporting: bool
) -> None:
    echo, body = Echo(), bytes(range(250)) * 240
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"

    async with listening(echo, server_tls(tmp_path, exporting=exporting)) as port:
        client = await asyncio.to_thread(Client, port, version)
        await asyncio.to_thread(client.send_in_pieces, head.encode() + body, 97)
        answer = await asyncio.to_thread(client.read_until, 10_000)

        await asyncio.to_thread(client.close)
    assert answer.endswith(b"60000 octets\n")
    assert echo.asked[0].body == body


@BOTH
@VERSIONS
async def test_a_long_answer_reaches_who_takes_it_late(
    tmp_path: Path, version: ssl.TLSVersion, exporting: bool
) -> None:
    async with listening(Talker(3_000_000), server_tls(tmp_path, exporting=exporting)) as port:
        client = await asyncio.to_thread(Client, port, version)
        await asyncio.to_thread(client.send_in_pieces, REQUEST + LAST, 8)
        await asyncio.sleep(0.3)
        answer = await asyncio.to_thread(client.read_until, 7_000_000)

        await asyncio.to_thread(client.close)
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert answer.count(b"a" * 1_000) == 6_000


@BOTH
async def test_who_says_nothing_holds_little_memory(tmp_path: Path, exporting: bool) -> None:
    count = 20
    async with listening(Echo(), server_tls(tmp_path, exporting=exporting)) as port:
        tracemalloc.start()
        try:
            writers = [(await asyncio.open_connection("127.0.0.1", port))[1] for _ in range(count)]
            await asyncio.sleep(0.2)
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        for writer in writers:
            writer.close()

    assert held / count < 80_000


@BOTH
@VERSIONS
async def test_who_says_nothing_after_the_handshake_holds_little_memory(
    tmp_path: Path, version: ssl.TLSVersion, exporting: bool
) -> None:
    count = 20
    async with listening(Echo(), server_tls(tmp_path, exporting=exporting)) as port:
        tracemalloc.start()
        try:
            clients = [await asyncio.to_thread(Client, port, version) for _ in range(count)]
            await asyncio.sleep(0.2)
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        for client in clients:
            await asyncio.to_thread(client.close)

    assert held / count < 100_000

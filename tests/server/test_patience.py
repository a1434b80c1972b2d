"""A connection that only costs is ended, however it goes about it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from server.doorman import Room
from server.listeners import Bounds
from tests.builders.listening import Echo, listening

HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with listening(Echo(), bounds=Bounds(Room(in_all=50, per_address=50), 1)) as opened:
        yield opened


async def dripped(port: int, *parts: bytes, every: float = 0.25) -> tuple[bytes, float]:
    """Send parts one by one until the server has had enough; what it said, and after how long."""
    started = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = asyncio.create_task(reader.read())
    for part in parts:
        if answer.done():
            break
        writer.write(part)
        await asyncio.wait({answer}, timeout=every)
    said = await answer
    writer.close()
    return said, time.monotonic() - started


async def test_silence_is_cut_off(port: int) -> None:
    said, seconds = await dripped(port)

    assert said == b""
    assert 0.9 < seconds < 3


async def test_a_head_that_drips_is_cut_off(port: int) -> None:
    said, seconds = await dripped(port, *(HEAD[at : at + 1] for at in range(30)))

    assert said == b""
    assert 0.9 < seconds < 3


async def test_a_second_head_that_drips_is_cut_off_too(port: int) -> None:
    said, seconds = await dripped(port, HEAD + b"\r\n", *(HEAD[at : at + 1] for at in range(30)))

    assert said.count(b"HTTP/1.1 200 ") == 1
    assert 0.9 < seconds < 4


async def test_a_body_that_drips_is_answered_and_cut_off(port: int) -> None:
    said, seconds = await dripped(port, HEAD + b"Content-Length: 100\r\n\r\n", *[b"a"] * 20)

    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"did not arrive in time" in said
    assert seconds < 14


async def test_who_is_slow_in_time_is_served(port: int) -> None:
    said, _ = await dripped(port, HEAD[:5], HEAD[5:], b"Connection: close\r\nContent-Length: 2\r\n\r\n", b"a", b"b")

    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.endswith(b"2 octets\n")


@pytest.mark.parametrize("start", [CHUNKED, CHUNKED + b"3\r\nabc\r\n", CHUNKED + b"3\r\na"])
async def test_a_chunk_that_is_framed_wrongly_is_answered_at_once_when_it_comes(port: int, start: bytes) -> None:
    said, seconds = await dripped(port, start, b"zz\r\nabc\r\n" if start[-1:] == b"\n" else b"bcd\r\n")

    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"not framed as its headers say" in said
    assert said.count(b"HTTP/1.") == 1
    assert seconds < 0.9


async def test_requests_one_after_the_other_are_all_answered(port: int) -> None:
    one = HEAD + b"Content-Length: 1\r\n\r\na"
    last = HEAD + b"Connection: close\r\n\r\n"

    said, _ = await dripped(port, one + one + one[:20], one[20:] + one, last)

    assert said.count(b"HTTP/1.1 200 ") == 5


@pytest.mark.parametrize("octets", [100_000, 140_000, 1_000_000])
async def test_who_sends_too_much_is_told_so(port: int, octets: int) -> None:
    said, _ = await dripped(port, HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % octets + bytes(octets))

    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.endswith(b"65537 octets\n")


async def test_a_head_without_end_is_cut_off(port: int) -> None:
    fields = [b"X-%d: %s\r\n" % (number, b"a" * 8_000) for number in range(20)]

    said, _ = await dripped(port, HEAD, *fields, every=0)

    assert said == b"" or said.startswith(b"HTTP/1.")
    assert b" 200 " not in said

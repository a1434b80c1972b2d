"""A listener is left: who is in is answered, and nobody is cut off for having come in time."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from protocols.wire import Reply, Request, plain_text
from server import listeners
from server.leaving import Exit, Leaving, leave
from server.listeners import Listener
from tests.builders.listening import BOUNDS, Echo, free_port

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Slow(Echo):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.has_come, self.may_go = asyncio.Event(), asyncio.Event()

    async def answer(self, request: Request) -> Reply:
        self.has_come.set()
        await self.may_go.wait()
        return plain_text(200, "slow")


class Opened:
    def __init__(self, port: int, leaving: Leaving, exits: list[Exit]) -> None:
        self.port = port
        self._leaving = leaving
        self._exits = exits

    async def leave(self, longest_seconds: float = 10) -> None:
        await leave(self._leaving, self._exits, longest_seconds)


@asynccontextmanager
async def opened(echo: Echo) -> AsyncIterator[Opened]:
    port, leaving = free_port(), Leaving()
    exits = await listeners.listen("127.0.0.1", [Listener("est", port, echo)], BOUNDS, leaving)
    yield Opened(port, leaving, exits)


async def head(reader: asyncio.StreamReader) -> str:
    text = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next(line.split(": ")[1] for line in text.splitlines() if line.lower().startswith("content-length"))
    await reader.readexactly(int(length))
    return text


async def test_who_is_being_answered_is_answered_and_told_that_it_was_the_last_time() -> None:
    slow = Slow()
    async with opened(slow) as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(GET)
        await slow.has_come.wait()

        left = asyncio.create_task(door.leave())
        await asyncio.sleep(0.1)
        slow.may_go.set()

        answer = await head(reader)
        assert answer.startswith("HTTP/1.1 200")
        assert "connection: close" in answer.lower()
        assert await reader.read() == b""
        await left
        writer.close()


async def test_a_request_on_an_open_connection_is_answered_although_nobody_new_is_let_in() -> None:
    async with opened(Echo()) as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(GET)
        assert "close" not in await head(reader)

        left = asyncio.create_task(door.leave())
        await asyncio.sleep(0.3)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(GET)

        assert "connection: close" in (await head(reader)).lower()
        await left
        writer.close()


async def test_a_connection_that_rests_is_closed_after_a_moment() -> None:
    async with opened(Echo()) as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(GET)
        await head(reader)

        began = time.monotonic()
        await door.leave()

        assert 0.9 < time.monotonic() - began < 5
        assert await reader.read() == b""
        writer.close()


async def test_who_has_connected_and_was_not_let_in_yet_is_not_cut_off() -> None:
    async with opened(Echo()) as door:
        # The loop has no time to let them in while they do: this does not wait for anything.
        waiting = [socket.create_connection(("127.0.0.1", door.port)) for _ in range(3)]
        for one in waiting:
            one.sendall(GET)

        await door.leave()

        for one in waiting:
            with one:
                one.settimeout(5)
                assert one.recv(4096).startswith(b"HTTP/1.1 200")


async def test_who_never_ends_is_cut_off_in_the_end() -> None:
    slow = Slow()
    async with opened(slow) as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(GET)
        await slow.has_come.wait()

        await door.leave(0.3)

        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()

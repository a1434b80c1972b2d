"""Connections are counted before anything is read."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from contextlib import suppress

import pytest

from server.doorman import Door, Doorman, Room, capacity
from server.listeners import Bounds
from tests.builders.listening import Echo, listening

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def test_one_address_has_its_share_and_what_leaves_makes_room() -> None:
    doorman = Doorman("est", Room(in_all=10, per_address=2))

    first, second = doorman.admit("192.0.2.7"), doorman.admit("192.0.2.7")

    assert first is not None
    assert second is not None
    assert doorman.admit("192.0.2.7") is None
    assert doorman.admit("192.0.2.8") is not None
    first()
    assert doorman.admit("192.0.2.7") is not None
    assert doorman.admit("192.0.2.7") is None


async def test_all_of_an_ipv6_network_are_one() -> None:
    doorman = Doorman("est", Room(in_all=10, per_address=1))

    assert doorman.admit("2001:db8:0:1::7") is not None
    assert doorman.admit("2001:db8:0:1:ffff::8") is None
    assert doorman.admit("2001:db8:0:2::7") is not None


async def test_all_together_have_an_end_too() -> None:
    doorman = Doorman("est", Room(in_all=3, per_address=2))

    assert [doorman.admit(f"192.0.2.{number}") is not None for number in range(5)] == [True] * 3 + [False] * 2


async def test_a_proxy_is_many_clients() -> None:
    doorman = Doorman("est", Room(in_all=3, per_address=1, trusted=("192.0.2.7/32",)))

    assert [doorman.admit("192.0.2.7") is not None for _ in range(4)] == [True] * 3 + [False]


async def test_a_flood_costs_the_log_one_line(caplog: pytest.LogCaptureFixture) -> None:
    doorman = Doorman("est", Room(in_all=1, per_address=1))

    with caplog.at_level(logging.WARNING):
        for _ in range(100):
            doorman.admit("192.0.2.7")

    assert len(caplog.records) == 1
    assert "event=turned-away listener=est address=192.0.2.7" in caplog.text


async def test_who_is_turned_away_is_closed_and_others_are_served() -> None:
    async with listening(Echo(), bounds=Bounds(Room(in_all=2, per_address=2), 30)) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        # The doorman counts when the loop accepts, which is after the kernel has.
        await asyncio.sleep(0)
        reader, late = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        late.close()
        for _, writer in held:
            writer.write(ASK)
        answers = [await reader.read() for reader, _ in held]
        for _, writer in held:
            writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(ASK)
        answers.append(await reader.read())
        writer.close()

    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 200"] * 3


def test_no_more_connections_are_taken_than_files_can_be_open(caplog: pytest.LogCaptureFixture) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))

        assert capacity(100, 3) == 100
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 500
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert capacity(10**9, 3) < 10**9
    assert "event=few-files" in caplog.text


async def test_a_crowd_is_let_in_a_few_at_a_time() -> None:
    door = Door("127.0.0.1", 0, Doorman("est", Room(in_all=50, per_address=50)))
    door.listen(50)
    door.setblocking(False)
    crowd = [socket.create_connection(door.getsockname()) for _ in range(20)]

    turns = [accepted(door) for _ in range(3)]

    assert [len(turn) for turn in turns] == [16, 4, 0]
    for one in (door, *crowd, *(seat for turn in turns for seat in turn)):
        one.close()


def accepted(door: Door) -> list[socket.socket]:
    """Whom one turn lets in."""
    seats = []
    with suppress(BlockingIOError):
        while True:
            seats.append(door.accept()[0])
    return seats

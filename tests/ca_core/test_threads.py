from __future__ import annotations

import asyncio
import os
import threading

import pytest

from ca_core.errors import KeyUnavailable
from ca_core.threads import Crowded, Threads

CROWDED = Crowded(KeyUnavailable, full="too much is waiting", slow="it does not answer in time")


async def test_no_more_work_is_done_at_once_than_there_are_threads() -> None:
    gate, threads = threading.Barrier(3), Threads("test", most=2, waiting=10, crowded=CROWDED)

    async def work(name: bytes) -> bytes:
        return await threads.run(lambda: meet(gate, name), timeout_seconds=5)

    first = [asyncio.ensure_future(work(b"first")) for _ in range(2)]
    later = asyncio.ensure_future(threads.run(lambda: b"later", timeout_seconds=5))
    await asyncio.to_thread(gate.wait)

    assert await asyncio.gather(*first, later) == [b"first", b"first", b"later"]
    assert sum(thread.name.startswith("test-") for thread in threading.enumerate()) == 2


async def test_what_is_too_much_is_refused_at_once() -> None:
    begun, end, threads = threading.Event(), threading.Event(), Threads("full", most=1, waiting=1, crowded=CROWDED)
    working = asyncio.ensure_future(threads.run(lambda: hold(begun, end), timeout_seconds=5))
    await asyncio.to_thread(begun.wait)
    queued = asyncio.ensure_future(threads.run(lambda: b"queued", timeout_seconds=5))
    await asyncio.sleep(0)

    with pytest.raises(KeyUnavailable, match="too much is waiting"):
        await threads.run(lambda: b"too much", timeout_seconds=5)

    end.set()
    assert (await working, await queued) == (b"held", b"queued")


async def test_who_waits_too_long_is_told_to_come_again() -> None:
    begun, end, threads = threading.Event(), threading.Event(), Threads("slow", most=1, waiting=10, crowded=CROWDED)
    done: list[str] = []
    working = asyncio.ensure_future(threads.run(lambda: hold(begun, end), timeout_seconds=5))
    await asyncio.to_thread(begun.wait)

    with pytest.raises(KeyUnavailable, match="does not answer in time"):
        await threads.run(lambda: note(done), timeout_seconds=0)

    end.set()
    assert await working == b"held"
    assert await threads.run(lambda: b"next", timeout_seconds=5) == b"next"
    assert done == []


async def test_what_was_wrong_flies_to_who_asked() -> None:
    with pytest.raises(ZeroDivisionError):
        await Threads("wrong", most=1, waiting=1, crowded=CROWDED).run(lambda: bytes(1 // 0), timeout_seconds=5)


async def test_threads_let_others_go_first_and_the_loops_own_thread_does_not() -> None:
    mine = os.getpriority(os.PRIO_PROCESS, 0)

    theirs = await Threads("nice", most=1, waiting=1, crowded=CROWDED, niceness=mine + 3).run(
        lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()), timeout_seconds=5
    )

    assert theirs == mine + 3
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == mine


def meet(gate: threading.Barrier, name: bytes) -> bytes:
    gate.wait(5)
    return name


def hold(begun: threading.Event, end: threading.Event) -> bytes:
    begun.set()
    end.wait(5)
    return b"held"


def note(done: list[str]) -> bytes:
    done.append("done although nobody waits")
    return b""

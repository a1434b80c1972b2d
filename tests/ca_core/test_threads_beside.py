from __future__ import annotations

import asyncio
import gc
import threading
from functools import partial

import pytest

from ca_core.threads import Beside


async def test_work_is_done_in_another_thread_in_the_order_in_which_it_came() -> None:
    beside = Beside("order")
    done: list[tuple[bytes, str]] = []

    def work(name: bytes) -> bytes:
        done.append((name, threading.current_thread().name))
        return name

    names = [b"one", b"two", b"three"]
    found = await asyncio.gather(*(beside.run(partial(work, name)) for name in names))

    assert found == names
    assert done == [(name, "order") for name in names]


async def test_what_was_wrong_flies_to_who_asked_and_the_next_is_done() -> None:
    beside = Beside("wrong")

    with pytest.raises(ZeroDivisionError):
        await beside.run(lambda: bytes(1 // 0))

    assert await beside.run(lambda: b"next") == b"next"


async def test_who_is_cancelled_takes_nobody_with_it() -> None:
    beside, begun, end = Beside("cancelled"), threading.Event(), threading.Event()
    working = asyncio.ensure_future(beside.run(lambda: hold(begun, end)))
    await asyncio.to_thread(begun.wait)
    next_one = asyncio.ensure_future(beside.run(lambda: b"next"))

    working.cancel()
    end.set()

    assert await next_one == b"next"
    assert working.cancelled()


async def test_the_thread_ends_with_its_owner() -> None:
    beside = Beside("ending")
    await beside.run(lambda: b"")
    (thread,) = (one for one in threading.enumerate() if one.name == "ending")

    del beside
    gc.collect()

    await asyncio.to_thread(thread.join, 10)
    assert not thread.is_alive()


def test_a_loop_that_has_ended_is_told_nothing() -> None:
    beside, begun, end = Beside("late"), threading.Event(), threading.Event()

    async def leave() -> None:
        working = asyncio.ensure_future(beside.run(lambda: hold(begun, end)))
        await asyncio.to_thread(begun.wait)
        working.cancel()

    asyncio.run(leave())
    end.set()

    assert asyncio.run(beside.run(lambda: b"another loop")) == b"another loop"


def hold(begun: threading.Event, end: threading.Event) -> bytes:
    begun.set()
    end.wait()
    return b"held"


async def test_what_nobody_waits_for_any_more_is_not_done() -> None:
    """Else a key that is asked for more than it can do would do nothing in time."""
    beside, begun, end = Beside("given up"), threading.Event(), threading.Event()
    done: list[bytes] = []

    def work(name: bytes) -> bytes:
        done.append(name)
        return name

    working = asyncio.ensure_future(beside.run(lambda: hold(begun, end)))
    await asyncio.to_thread(begun.wait)
    given_up = [asyncio.ensure_future(beside.run(partial(work, b"given up"))) for _ in range(3)]
    wanted = asyncio.ensure_future(beside.run(partial(work, b"wanted")))
    await asyncio.sleep(0)

    for one in given_up:
        one.cancel()
    await asyncio.wait(given_up)
    end.set()

    assert (await working, await wanted) == (b"held", b"wanted")
    assert done == [b"wanted"]


async def test_a_thread_that_cannot_begin_is_begun_with_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    beside = Beside("late")

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            await beside.run(lambda: b"")

    async with asyncio.timeout(5):
        assert await beside.run(lambda: b"next") == b"next"

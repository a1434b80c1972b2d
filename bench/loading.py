"""A load: lanes that each do one thing after the other for a while, and what it cost whom."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from bench import processes
from bench.report import Run, quantiles
from bench.wire import Lane as Turns
from bench.wire import Steps, drive

_Thing = TypeVar("_Thing")
Lane = tuple[Callable[[_Thing], Steps[Any]], deque[_Thing]]
"""What is done with each of some things."""


def measured(pids: Sequence[int], lanes: Sequence[Lane[_Thing]], seconds: float, *, settling: float = 0.1) -> Run:
    """Let each lane do its things one after the other, until the time is over or nothing is left.

    Args:
        pids: the servers, whose CPU with that of all their descendants is counted.
        settling: seconds of work that they leave for afterwards, and that are counted too.
    """
    milliseconds: list[float] = []

    def turns(act: Callable[[_Thing], Steps[Any]], left: deque[_Thing]) -> Turns:
        while left and time.perf_counter() < end:
            thing = left.popleft()
            before = time.perf_counter()
            yield from act(thing)
            milliseconds.append((time.perf_counter() - before) * 1_000)

    used = processes.cpu(*pids)
    start, own = time.perf_counter(), time.process_time()
    end = start + seconds
    drive([turns(act, left) for act, left in lanes])
    took, own = time.perf_counter() - start, time.process_time() - own
    time.sleep(settling)
    count = len(milliseconds)
    used = processes.cpu(*pids) - used
    return Run(count / took, *quantiles(milliseconds), used / count, own * 1_000 / count)

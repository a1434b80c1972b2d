"""The plug is pulled at chosen system calls of everything that promises something; DESIGN's invariants 1, 2 and 6.

`make test` takes 40 points, `make test-crash` 300 (the variable SOAPSTONE_CRASH_POINTS). Two homes work through them
side by side; a home that a point has broken is thrown away.
"""

from __future__ import annotations

import itertools
import os
import queue
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from conformance.crash.flows import FLOWS, Flow, Site
from conformance.crash.points import chosen
from conformance.crash.strace import Point

_POINTS = int(os.environ.get("SOAPSTONE_CRASH_POINTS", "40"))
_LANES = 2
_LEAST_REACHED = 0.75
"""Where the background wrote less than when it was counted, the plug is pulled at the end of the walk instead."""
_SHARES = {
    "acme": 5,
    "finalize": 6,
    "est": 6,
    "start": 6,
    "revocation": 3,
    "register": 3,
    "init": 3,
    "sheet": 2,
    "crl-publish": 2,
    "backup": 2,
    "restore": 2,
}
_FAULTS = {"acme": 2, "finalize": 2, "est": 2, "revocation": 1}
_ERRORS = {"pwrite64": "ENOSPC", "fdatasync": "EIO"}

T = TypeVar("T")


@dataclass
class Outcome:
    """What came of one point."""

    point: str
    reached: bool
    found: list[str]


def side_by_side(folder: Path, jobs: list[Callable[[Site], T]]) -> list[T]:
    """Do every job, each lane on a site of its own."""
    folder.mkdir()
    waiting: queue.SimpleQueue[Callable[[Site], T]] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    done: list[T] = []
    with ThreadPoolExecutor(_LANES) as lanes:
        running = [lanes.submit(lane, folder, f"lane{number}-", waiting, done) for number in range(_LANES)]
    for one in running:
        one.result()
    return done


def lane(folder: Path, name: str, waiting: queue.SimpleQueue[Callable[[Site], T]], done: list[T]) -> None:
    """Do jobs until there are none; one that found something wrong costs the site."""
    for number in itertools.count():
        site = Site(folder / f"{name}{number}")
        try:
            is_good = True
            while is_good:
                result = waiting.get_nowait()(site)
                done.append(result)
                is_good = not (isinstance(result, Outcome) and result.found)
        except queue.Empty:
            return
        finally:
            site.close()


def walked(folder: Path, names: Iterable[str]) -> dict[str, list[Point]]:
    """Every point of each flow, by walking it once with nothing injected."""

    def walking(name: str) -> Callable[[Site], tuple[str, list[Point]]]:
        return lambda site: (name, FLOWS[name](site).walk(name))

    return dict(side_by_side(folder, [walking(name) for name in names]))


def report(outcomes: list[Outcome]) -> str:
    return "\n".join(f"{outcome.point}: {sentence}" for outcome in outcomes for sentence in outcome.found)


def outcome(flow: Flow, point: Point, act: Callable[[], list[str]]) -> Outcome:
    try:
        found = act()
    except Exception as error:  # noqa: BLE001  # one point's trouble must not hide the others'
        found = [f"{type(error).__name__}: {error}"]
    return Outcome(str(point), flow.reached, found)


@pytest.mark.timeout(3600)
def test_nothing_promised_is_lost_wherever_the_plug_is_pulled(tmp_path: Path) -> None:
    walks = walked(tmp_path / "walk", _SHARES)

    def dying(point: Point) -> Callable[[Site], Outcome]:
        def act(site: Site) -> Outcome:
            flow = FLOWS[point.flow](site)
            return outcome(flow, point, lambda: flow.die_at(point))

        return act

    points = chosen(walks, _SHARES, _POINTS)
    outcomes = side_by_side(tmp_path / "kill", [dying(point) for point in points])

    assert len(outcomes) == _POINTS
    assert not report(outcomes), report(outcomes)
    assert sum(outcome.reached for outcome in outcomes) >= _LEAST_REACHED * _POINTS, [
        o.point for o in outcomes if not o.reached
    ]


@pytest.mark.timeout(3600)
def test_a_disk_that_fails_costs_a_503_and_no_promise(tmp_path: Path) -> None:
    walks = walked(tmp_path / "walk", _FAULTS)
    failing = {name: [point for point in walk if point.call in _ERRORS] for name, walk in walks.items()}

    def faulting(point: Point) -> Callable[[Site], Outcome]:
        def act(site: Site) -> Outcome:
            flow = FLOWS[point.flow](site)
            return outcome(flow, point, lambda: flow.fail_at(point, _ERRORS[point.call]))

        return act

    points = chosen(failing, _FAULTS, max(sum(_FAULTS.values()), _POINTS // 10))
    outcomes = side_by_side(tmp_path / "fault", [faulting(point) for point in points])

    assert not report(outcomes), report(outcomes)

"""The plug is pulled at chosen system calls of everything that promises something; DESIGN's invariants 1, 2 and 6.

`make test` takes 40 points, `make test-crash` 300 (the variable SOAPSTONE_CRASH_POINTS). Two homes work through them
side by side; a home that a point has broken is thrown away.
"""

from __future__ import annotations

import itertools
import os
import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from conformance.crash.flows import FLOWS
from conformance.crash.points import chosen
from conformance.crash.site import Flow, Site
from conformance.crash.strace import Point

_POINTS = int(os.environ.get("SOAPSTONE_CRASH_POINTS", "40"))
_LANES = 2
_LEAST_REACHED = 0.75
"""Where the background wrote less than when it was counted, the plug is pulled at the end of the walk instead."""
_SHARES = {
    "acme": 6,
    "finalize": 8,
    "est": 8,
    "start": 5,
    "approved": 2,
    "revocation": 3,
    "register": 2,
    "sheet": 1,
    "crl-publish": 1,
    "revoke": 1,
    "backup": 1,
    "init": 2,
    "restore": 1,
    "rotate": 1,
}
_FAULTS = {"finalize": 2, "est": 1, "acme": 1, "revocation": 1}
_LEAST_FAULTS = 4
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
    """Do jobs until there are none; one that found something wrong, or changed the site for good, costs the site."""
    for number in itertools.count():
        site = Site(folder / f"{name}{number}")
        try:
            while not site.is_spent:
                done.append(waiting.get_nowait()(site))
        except queue.Empty:
            return
        finally:
            site.close()


def report(outcomes: list[Outcome]) -> str:
    return "\n".join(f"{outcome.point}: {sentence}" for outcome in outcomes for sentence in outcome.found)


def outcome(site: Site, point: Point, act: Callable[[Flow], list[str]]) -> Outcome:
    flow = FLOWS[point.flow](site)
    try:
        found = act(flow)
    except Exception as error:  # noqa: BLE001  # one point's trouble must not hide the others'
        found = [f"{type(error).__name__}: {error}"]
    site.is_spent = site.is_spent or bool(found)
    return Outcome(str(point), flow.reached, found)


@pytest.fixture(scope="module")
def walks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Point]]:
    """Every point of each flow, by walking it once with nothing injected."""

    def walking(name: str) -> Callable[[Site], tuple[str, list[Point]]]:
        return lambda site: (name, FLOWS[name](site).walk(name))

    return dict(side_by_side(tmp_path_factory.mktemp("walks") / "walk", [walking(name) for name in _SHARES]))


@pytest.mark.timeout(3600)
def test_nothing_promised_is_lost_wherever_the_plug_is_pulled(walks: dict[str, list[Point]], tmp_path: Path) -> None:
    def dying(point: Point) -> Callable[[Site], Outcome]:
        return lambda site: outcome(site, point, lambda flow: flow.die_at(point))

    outcomes = side_by_side(tmp_path / "kill", [dying(point) for point in chosen(walks, _SHARES, _POINTS)])

    assert len(outcomes) == _POINTS
    assert not report(outcomes), report(outcomes)
    missed = [outcome.point for outcome in outcomes if not outcome.reached]
    assert len(missed) <= (1 - _LEAST_REACHED) * _POINTS, missed


@pytest.mark.timeout(3600)
def test_a_disk_that_fails_costs_a_503_and_no_promise(walks: dict[str, list[Point]], tmp_path: Path) -> None:
    failing = {name: [point for point in walks[name] if point.call in _ERRORS] for name in _FAULTS}

    def faulting(point: Point) -> Callable[[Site], Outcome]:
        return lambda site: outcome(site, point, lambda flow: flow.fail_at(point, _ERRORS[point.call]))

    points = chosen(failing, _FAULTS, max(_LEAST_FAULTS, _POINTS // 10))
    outcomes = side_by_side(tmp_path / "fault", [faulting(point) for point in points])

    assert not report(outcomes), report(outcomes)

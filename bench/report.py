"""What a benchmark says: rows of figures, goals that were met or missed, and the same as JSON in `bench/results/`.

A row's figures are the least, the median and the most of its runs. A goal has a gate, which ends the benchmark with 1
when it is missed, and what is hoped for beyond it.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

RESULTS = Path(__file__).with_name("results")
_HEADS = ("rate: min", "median", "max", "p50 ms", "p99 ms", "CPU: min", "median", "max", "client", "peak MB")
_LABEL = 46


class Run(NamedTuple):
    """One run: what was done a second, milliseconds that each took, and milliseconds of CPU that each cost.

    Attributes:
        cpu: of the server's whole process tree, a database of its own included.
        own: of the client.
        posts: requests that each took.
    """

    rate: float
    p50: float
    p99: float
    cpu: float
    own: float = 0.0
    posts: float = 1.0


class Spread(msgspec.Struct, frozen=True):
    """Of several runs."""

    least: float
    median: float
    most: float


class Row(msgspec.Struct, frozen=True):
    """What was measured of one thing.

    Attributes:
        unit: of the rate, such as `certificates/s`.
        cpu, own: ms of one; of the server and of the client.
        peak: megabytes, of the process that had most; 0 where it was not looked at.
    """

    label: str
    unit: str
    runs: int
    rate: Spread
    p50: Spread
    p99: Spread
    cpu: Spread
    own: Spread
    posts: float
    peak: float = 0.0


class Goal(msgspec.Struct, frozen=True):
    """One promise: what was seen, what ends the benchmark when it is missed, and what is hoped for.

    Attributes:
        gate: None where nothing ends it.
        is_ceiling: whether less is better.
    """

    what: str
    seen: float
    gate: float | None
    goal: float
    unit: str = ""
    is_ceiling: bool = False

    def reaches(self, mark: float) -> bool:
        """Whether what was seen is as good as a mark."""
        return self.seen <= mark if self.is_ceiling else self.seen >= mark

    @property
    def verdict(self) -> str:
        """In a word."""
        if self.reaches(self.goal):
            return "goal"
        if self.gate is None:
            return "short"
        return "gate" if self.reaches(self.gate) else "MISSED"


class Part(msgspec.Struct, frozen=True):
    """All that one benchmark has found, and the command that finds it again."""

    name: str
    command: str
    machine: str
    load: float
    rows: list[Row]
    goals: list[Goal]
    facts: dict[str, float] = {}


def quantiles(milliseconds: Sequence[float]) -> tuple[float, float]:
    """The 50th and the 99th of a hundred."""
    if len(milliseconds) == 1:
        return milliseconds[0], milliseconds[0]
    cuts = statistics.quantiles(milliseconds, n=100, method="inclusive")
    return cuts[49], cuts[98]


def row(label: str, runs: list[Run], *, unit: str = "certificates/s", peak: float = 0.0) -> Row:
    """Bring runs together, and print a line."""
    made = together(label, runs, unit=unit, peak=peak)
    print(_line(made), flush=True)
    return made


def together(label: str, runs: list[Run], *, unit: str, peak: float = 0.0) -> Row:
    """Bring runs together."""
    spreads = {field: _spread([getattr(run, field) for run in runs]) for field in ("rate", "p50", "p99", "cpu", "own")}
    return Row(label, unit, len(runs), posts=statistics.median(run.posts for run in runs), peak=peak, **spreads)


def heads() -> None:
    """Print what stands over the rows."""
    print(" " * _LABEL + "".join(f"{head:>10}" for head in _HEADS))


def finish(name: str, rows: list[Row], goals: list[Goal], facts: Mapping[str, float] | None = None) -> None:
    """Print the goals, write the JSON, and end with 1 where a gate was missed."""
    show_goals(goals)
    keep(name, rows, goals, facts)
    sys.exit(int(any(goal.verdict == "MISSED" for goal in goals)))


def keep(
    name: str, rows: list[Row], goals: list[Goal], facts: Mapping[str, float] | None = None, *, command: str = ""
) -> None:
    """Write the JSON.

    Args:
        facts: what else was seen, by names that say the unit.
        command: the benchmark's name, where it finds more than one part.
    """
    part = Part(name, f"make bench-{command or name}", machine(), os.getloadavg()[0], rows, goals, dict(facts or {}))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(part)))


def show_goals(goals: Sequence[Goal]) -> None:
    """Print promises and what became of them."""
    for goal in goals:
        than = "at most" if goal.is_ceiling else "at least"
        marks = f"hoped for {goal.goal:g}" if goal.gate is None else f"{than} {goal.gate:g}, hoped for {goal.goal:g}"
        print(f"{goal.verdict:7}{goal.what:75}{goal.seen:>9.2f} {goal.unit:3}({marks})", flush=True)


def show(part: Part) -> None:
    """Print a benchmark that was made before."""
    print(f"\n{part.name}: {part.command}; {part.machine}; load {part.load:.1f}")
    if part.rows:
        heads()
    for one in part.rows:
        print(_line(one))
    show_goals(part.goals)


def machine() -> str:
    """What it was measured on."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        if line.startswith("model name")
    ]
    return f"{len(models)} x {models[0] if models else platform.machine()}, Python {platform.python_version()}"


def _spread(values: list[float]) -> Spread:
    return Spread(min(values), statistics.median(values), max(values))


def _line(one: Row) -> str:
    figures = [one.rate.least, one.rate.median, one.rate.most, one.p50.median, one.p99.median]
    costs = [one.cpu.least, one.cpu.median, one.cpu.most, one.own.median]
    digits = 1 if one.rate.median < 1_000 else 0  # noqa: PLR2004  # a thousand needs no tenths
    rates = "".join(f"{figure:>10,.{digits}f}" for figure in figures[:3])
    return (
        f"{one.label:{_LABEL}}{rates}"
        + "".join(f"{figure:>10.2f}" for figure in figures[3:] + costs)
        + (f"{one.peak:>10.0f}" if one.peak else "")
    )

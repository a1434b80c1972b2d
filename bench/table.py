"""The findings of all benchmarks as two tables in Markdown, for `docs/performance.md`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.report import Part, Row, Spread

_ROWS = (
    "| what | command | rate, min / median / max | p50 ms | p99 ms | CPU ms, min / median / max | peak MB |\n"
    "|---|---|---|---|---|---|---|"
)
_GOALS = "| promise | command | seen | gate | goal | |\n|---|---|---|---|---|---|"
_WITH_TENTHS = 100


def markdown(parts: Sequence[Part]) -> str:
    """What was measured, then what was promised."""
    lines = [_ROWS, *(_row(part, one) for part in parts for one in part.rows), "", _GOALS]
    return "\n".join([*lines, *_goals(parts)]) + "\n"


def _row(part: Part, one: Row) -> str:
    digits = 1 if one.rate.median < _WITH_TENTHS else 0
    cells = (
        one.label,
        f"`{part.command}`",
        f"{_three(one.rate, digits)} {one.unit}",
        f"{one.p50.median:.1f}",
        f"{one.p99.median:.1f}",
        _three(one.cpu, 2),
        f"{one.peak:.0f}" if one.peak else "",
    )
    return f"| {' | '.join(cells)} |"


def _goals(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        for goal in part.goals:
            gate = "" if goal.gate is None else f"{goal.gate:g}"
            seen = f"{goal.seen:.2f} {goal.unit}".strip()
            yield f"| {goal.what} | `{part.command}` | {seen} | {gate} | {goal.goal:g} | {goal.verdict} |"


def _three(spread: Spread, digits: int) -> str:
    return " / ".join(f"{figure:,.{digits}f}" for figure in (spread.least, spread.median, spread.most))

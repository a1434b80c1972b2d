"""Bars of a chart, as numbers: the template draws them, without a script and without a style of its own."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

WIDTH = 780
HEIGHT = 260
_TOP = 30
_BOTTOM = 40
_GAP = 8
_LINES = 4
_STEPS = (1, 2, 5)


class Bar(msgspec.Struct, frozen=True):
    """One bar, in the chart's own units, from its upper left corner.

    Attributes:
        middle: where what is written above and below it is centred.
        label: below it.
        count: above it.
    """

    x: int
    y: int
    width: int
    height: int
    middle: int
    label: str
    count: int


class Chart(msgspec.Struct, frozen=True):
    """A bar chart.

    Attributes:
        lines: height and number of each line behind the bars, the lowest first.
        floor: where the bars stand.
    """

    bars: tuple[Bar, ...]
    lines: tuple[tuple[int, int], ...]
    width: int = WIDTH
    height: int = HEIGHT
    floor: int = HEIGHT - _BOTTOM


def chart(columns: Sequence[tuple[str, int]]) -> Chart:
    """A chart of labels and counts, of which none is below 0; of no column, one without bars."""
    room, floor = HEIGHT - _TOP - _BOTTOM, HEIGHT - _BOTTOM
    step = _step(max((count for _, count in columns), default=0))
    top = step * _LINES
    each = WIDTH // max(len(columns), 1)
    bars = []
    for index, (label, count) in enumerate(columns):
        # What is not nothing is seen, however tall the tallest is.
        height = max(round(room * count / top), 1 if count else 0)
        x = index * each + _GAP // 2
        bars.append(Bar(x, floor - height, each - _GAP, height, index * each + each // 2, label, count))
    lines = tuple((floor - room * number // _LINES, step * number) for number in range(_LINES + 1))
    return Chart(tuple(bars), lines)


def _step(most: int) -> int:
    """From line to line, a number that people count by, so that the highest line is above all."""
    power = 1
    while True:
        for step in _STEPS:
            if step * power * _LINES >= most:
                return step * power
        power *= 10

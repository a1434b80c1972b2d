"""Curves as an SVG image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 720, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 12, 34, 40
_COLOURS = ("#9aa3ad", "#1f6feb", "#d1570c", "#2da44e")
_STEPS = 4
_FONT = 'font-family="sans-serif" font-size="12"'


class Line(NamedTuple):
    """One curve: its name, and its values at even distances along the whole width."""

    name: str
    values: Sequence[float]


def svg(title: str, lines: Sequence[Line], *, x_ends: tuple[float, float], x_unit: str) -> str:
    """Draw lines over one pair of axes, the upright one from 0 to what the highest line needs.

    Args:
        x_ends: what the left and the right edge stand for.
    """
    top = max(max(line.values) for line in lines)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" {_FONT}>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="16" font-weight="bold">{escape(title)}</text>',
        *_upright(top),
        *_level(x_ends, x_unit),
    ]
    for number, line in enumerate(lines):
        colour = _COLOURS[number]
        parts.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="1.4" points="{_points(line.values, top)}"/>'
        )
        place = _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) + 14 + 16 * number
        parts.append(
            f'<text x="{_WIDTH - _RIGHT - 6}" y="{place}" text-anchor="end" fill="{colour}">{escape(line.name)}</text>'
        )
    return "\n".join([*parts, "</svg>\n"])


def _upright(top: float) -> list[str]:
    parts = []
    for step in range(_STEPS + 1):
        y = _y(top * step / _STEPS, top)
        parts.append(f'<line x1="{_LEFT}" y1="{y}" x2="{_WIDTH - _RIGHT}" y2="{y}" stroke="#e3e6ea"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{top * step / _STEPS:,.0f}</text>')
    return parts


def _level(ends: tuple[float, float], unit: str) -> list[str]:
    parts = []
    for step in range(_STEPS + 1):
        x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * step / _STEPS
        value = ends[0] + (ends[1] - ends[0]) * step / _STEPS
        anchor = "end" if step == _STEPS else "middle"
        label = f"{value:,.0f} {unit}" if step == _STEPS else f"{value:,.0f}"
        parts.append(f'<text x="{x:.0f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="{anchor}">{escape(label)}</text>')
    return parts


def _points(values: Sequence[float], top: float) -> str:
    """For each column of the image the least and the most of what falls there, so that no peak is lost."""
    columns = _WIDTH - _LEFT - _RIGHT
    points = []
    for column in range(columns):
        first = column * len(values) // columns
        inside = values[first : max(first + 1, (column + 1) * len(values) // columns)]
        points += [f"{_LEFT + column},{_y(value, top)}" for value in dict.fromkeys((min(inside), max(inside)))]
    return " ".join(points)


def _y(value: float, top: float) -> float:
    return round(_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / top, 1)

"""Draws what `make bench-acme` has found: CPU and rate of ACME issuance, ours and others (`docs/images/`)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

import msgspec

from bench import report
from bench.report import Part, Row

IMAGE = Path(__file__).parents[1] / "docs" / "images" / "acme-issuance.svg"
_SHOWN = ("soapstone, RSA-2048, SQLite", "soapstone, RSA-2048, PostgreSQL", "Pebble", "acme2certifier")
_BUSY = ", 32 at a time"
_OURS, _OTHERS, _INK = "#2f6f6a", "#a9a29a", "#333333"
_WIDTH, _LEFT, _BAR, _STEP, _HEAD, _EDGE = 720, 220, 18, 26, 46, 10
_LONGEST = _WIDTH - _LEFT - 90


class Bar(NamedTuple):
    """One bar: who, how much, between which least and most, and in what words."""

    label: str
    value: float
    least: float
    most: float
    words: str


def main() -> None:
    """Draw it from the newest results."""
    path = report.RESULTS / "acme.json"
    if not path.exists():
        print("nothing to draw: run make bench-acme", file=sys.stderr)
        return
    part = msgspec.json.decode(path.read_bytes(), type=Part)
    rows = [row for row in part.rows if row.label.startswith(_SHOWN) and row.label.endswith(_BUSY)]
    IMAGE.parent.mkdir(exist_ok=True)
    IMAGE.write_text(drawn(rows, part.machine), "utf-8")
    print(f"drawn: {IMAGE.relative_to(Path.cwd()) if IMAGE.is_relative_to(Path.cwd()) else IMAGE}")


def drawn(rows: list[Row], machine: str) -> str:
    """Two groups of bars as SVG."""
    groups = {
        "CPU per certificate in ms, database included (less is better)": [
            Bar(_name(row), row.cpu.median, row.cpu.least, row.cpu.most, f"{row.cpu.median:.1f} ms") for row in rows
        ],
        "certificates a second on one core": [
            Bar(_name(row), row.rate.median, row.rate.least, row.rate.most, f"{row.rate.median:,.0f}/s") for row in rows
        ],
    }
    parts: list[str] = []
    top = 0
    for title, bars in groups.items():
        parts.append(f'<text x="{_EDGE}" y="{top + 26}" font-weight="bold">{escape(title)}</text>')
        scale = _LONGEST / max(bar.most for bar in bars)
        parts += [_bar(bar, top + _HEAD + at * _STEP, scale) for at, bar in enumerate(bars)]
        top += _HEAD + len(bars) * _STEP + 10
    for caption in (f"ACME, four signed POSTs a certificate{_BUSY}; lines: least and most of the runs", machine):
        parts.append(f'<text x="{_EDGE}" y="{top + 16}" font-size="11">{escape(caption)}</text>')
        top += 16
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top + 10}" font-family="sans-serif"'
    paper = '<rect width="100%" height="100%" fill="#ffffff"/>'
    return "\n".join([f'{head} font-size="13" fill="{_INK}">', paper, *parts, "</svg>"]) + "\n"


def _bar(bar: Bar, top: int, scale: float) -> str:
    colour = _OURS if bar.label.startswith("soapstone") else _OTHERS
    middle = top + _BAR / 2
    return (
        f'<text x="{_LEFT - 8}" y="{middle + 4.5}" text-anchor="end">{escape(bar.label)}</text>'
        f'<rect x="{_LEFT}" y="{top}" width="{bar.value * scale:.1f}" height="{_BAR}" fill="{colour}"/>'
        f'<path d="M{_LEFT + bar.least * scale:.1f} {middle}H{_LEFT + bar.most * scale:.1f}" stroke="{_INK}"/>'
        f'<text x="{_LEFT + bar.most * scale + 6:.1f}" y="{middle + 4.5}">{bar.words}</text>'
    )


def _name(row: Row) -> str:
    return row.label.removesuffix(_BUSY).replace(", RSA-2048", "")


if __name__ == "__main__":
    main()

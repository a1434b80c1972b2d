"""Draw the curves of `docs/scaling.md` and print its figures: `python -m tests.fleet`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from ca_core.policy.renewal import SECONDS_PER_DAY
from tests.fleet.chart import Line, svg
from tests.fleet.simulation import HOUR_SECONDS, Curve, Fleet, Recall, simulate

_IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
_STANDS_FOR = 10_000_000
_DAYS = 480
_YEAR_HOURS = (24, 365 * 24)
"""From the second day on: the first is the rollout itself."""
_RECALLED_AT = 400 * SECONDS_PER_DAY
_RECALL_HOURS = (400 * 24, 404 * 24)


def main() -> None:
    """Simulate, draw, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=100_000, help="how many to simulate for ten million")
    fleet = Fleet(devices=parser.parse_args().devices)
    quiet = {
        "nobody asks for renewal information": simulate(_asking(fleet, 0.0), days=_DAYS),
        "everybody asks": simulate(fleet, days=_DAYS),
    }
    recalled = {name: simulate(fleet, days=_DAYS, recall=recall) for name, recall in _recalls().items()}
    partly = simulate(_asking(fleet, 0.8), days=_DAYS, recall=Recall(_RECALLED_AT))
    _draw("renewals", "Certificates a second: ten million devices that were rolled out in one hour", quiet, _YEAR_HOURS)
    _draw("recall", "Certificates a second: all of ten million recalled", recalled, _RECALL_HOURS)
    for name, curve in quiet.items():
        sys.stdout.write(f"{name}: {_rates(curve, _YEAR_HOURS)}\n")
    for name, curve in (recalled | {"at once, and one in five does not ask": partly}).items():
        sys.stdout.write(f"{name}: {_rates(curve, _RECALL_HOURS)}; still in use {_left(curve)}\n")


def _asking(fleet: Fleet, share: float) -> Fleet:
    return msgspec.structs.replace(fleet, asks=share)


def _recalls() -> dict[str, Recall]:
    return {
        "at once": Recall(_RECALLED_AT),
        "in batches over a day": Recall(_RECALLED_AT, spread_seconds=SECONDS_PER_DAY),
        "in batches over three days": Recall(_RECALLED_AT, spread_seconds=3 * SECONDS_PER_DAY),
    }


def _draw(file: str, title: str, curves: dict[str, Curve], hours: tuple[int, int]) -> None:
    lines = [
        Line(name, [_a_second(count, curve) for count in curve.issued[slice(*hours)]]) for name, curve in curves.items()
    ]
    ends = (hours[0] / 24, hours[1] / 24)
    _IMAGES.mkdir(exist_ok=True)
    (_IMAGES / f"{file}.svg").write_text(svg(title, lines, x_ends=ends, x_unit="days"), "utf-8")


def _each_second(curve: Curve, hours: tuple[int, int]) -> list[float]:
    return [_a_second(count, curve) for count in curve.issued[slice(*hours)]]


def _rates(curve: Curve, hours: tuple[int, int]) -> str:
    mean, peak = (_a_second(count, curve) for count in (curve.mean(*hours), curve.peak(*hours)))
    return f"mean {mean:,.1f} a second, highest hour {peak:,.0f} a second"


def _a_second(count: float, curve: Curve) -> float:
    return count * _STANDS_FOR / curve.devices / HOUR_SECONDS


def _left(curve: Curve) -> str:
    first = _RECALL_HOURS[0]
    after = {hours: curve.stale[first + hours - 1] / curve.devices for hours in (6, 12, 24, 48, 96, 24 * 30)}
    return ", ".join(f"after {hours} h {share:.0%}" for hours, share in after.items())


if __name__ == "__main__":
    main()

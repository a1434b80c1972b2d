"""Devices that renew by the server's own rule of windows, for a year or more, counted by the hour.

Nothing here is random that a seed does not decide. Each simulated device stands for many: the curves of ten million are
those of a hundred thousand, times a hundred, and `python -m tests.fleet --devices 10000000` shows that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec

from ca_core.policy.renewal import SECONDS_PER_DAY, Window, renewal_window, suggested_window

HOUR_SECONDS = 3600
_SCALE = 1 << 64


class Fleet(msgspec.Struct, frozen=True):
    """Devices of one kind.

    Attributes:
        devices: how many are simulated.
        rollout_seconds: over what time their first certificates are issued, evenly.
        asks: the share of them, 0 to 1, that ask for renewal information (RFC 9773); the others renew once
            `window_days` are left.
        wakes_seconds: how often a device looks whether there is something to do.
    """

    devices: int = 100_000
    rollout_seconds: int = HOUR_SECONDS
    asks: float = 1.0
    wakes_seconds: int = 12 * HOUR_SECONDS
    validity_seconds: int = 90 * SECONDS_PER_DAY
    window_days: int = 30
    seed: int = 2026


class Recall(msgspec.Struct, frozen=True):
    """Every certificate that was issued before a moment is to be replaced at once.

    Attributes:
        at: seconds after the first issuance.
        spread_seconds: over what time the operator recalls, batch by batch; 0 is all at once.
    """

    at: int
    spread_seconds: int = 0

    def reaches(self, draw: float) -> int:
        """When it reaches the certificate that is at `draw`, 0 to 1, in the order of the batches."""
        return self.at + int(draw * self.spread_seconds)


class Curve(msgspec.Struct, frozen=True):
    """What a fleet did.

    Attributes:
        devices: how many.
        issued: certificates in each hour, the first ones among them.
        stale: how many recalled certificates are still in use at the end of each hour after the recall.
    """

    devices: int
    issued: list[int]
    stale: list[int]

    def peak(self, first_hour: int, last_hour: int) -> int:
        """The most in an hour."""
        return max(self.issued[first_hour:last_hour])

    def mean(self, first_hour: int, last_hour: int) -> float:
        """In an hour, on average."""
        return sum(self.issued[first_hour:last_hour]) / (last_hour - first_hour)


class _Device(msgspec.Struct, frozen=True):
    wakes_at: int
    asks: bool
    name: str
    draws: Iterator[float]


def _draws(name: str) -> Iterator[float]:
    """Numbers from 0 to below 1, the same ones for a name each time."""
    state = name.encode()
    while True:
        state = hashlib.sha256(state).digest()
        yield int.from_bytes(state[:8], "big") / _SCALE


def _device(fleet: Fleet, number: int) -> _Device:
    name = f"{fleet.seed}/{number}"
    draws = _draws(name)
    return _Device(int(next(draws) * fleet.wakes_seconds), next(draws) < fleet.asks, name, draws)


def simulate(fleet: Fleet, *, days: int, recall: Recall | None = None) -> Curve:
    """Let a fleet live for some days after its rollout began."""
    hours = days * 24
    issued, replaced = [0] * hours, [0] * hours
    recalled = 0
    for number in range(fleet.devices):
        device = _device(fleet, number)
        not_before = number * fleet.rollout_seconds // fleet.devices
        while not_before < hours * HOUR_SECONDS:
            issued[not_before // HOUR_SECONDS] += 1
            reached_at = recall.reaches(next(device.draws)) if recall and not_before < recall.at else None
            renewed_at = _renewed_at(fleet, device, not_before, reached_at)
            if recall and reached_at is not None and renewed_at >= recall.at:
                recalled += 1
                if renewed_at < hours * HOUR_SECONDS:
                    replaced[renewed_at // HOUR_SECONDS] += 1
            not_before = renewed_at
    return Curve(fleet.devices, issued, _left(recalled, replaced))


def _left(recalled: int, replaced: list[int]) -> list[int]:
    left = []
    for count in replaced:
        recalled -= count
        left.append(recalled)
    return left


def _renewed_at(fleet: Fleet, device: _Device, not_before: int, reached_at: int | None) -> int:
    """When a device replaces its certificate.

    One that asks draws its moment within the suggested window (RFC 9773, 4.2), and again when it sees at one
    of its wakes that the window has moved.
    """
    not_after = not_before + fleet.validity_seconds
    window = renewal_window(not_before, not_after, days=fleet.window_days)
    if not device.asks:
        return _wake(fleet, device, window.opens_at)
    planned = _drawn(suggested_window(window, not_before=not_before, serial=f"{device.name}/{not_before}"), device)
    if reached_at is None or planned <= reached_at:
        return planned
    # The window of a recalled certificate is over when it is first seen, so that it is replaced there and then.
    return min(planned, _wake(fleet, device, reached_at))


def _drawn(window: Window, device: _Device) -> int:
    return window.opens_at + int(next(device.draws) * (window.closes_at - window.opens_at))


def _wake(fleet: Fleet, device: _Device, after: int) -> int:
    """The first of a device's wakes that is not before a moment."""
    return after + (device.wakes_at - after) % fleet.wakes_seconds

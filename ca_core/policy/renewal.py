"""When a certificate may be replaced: one rule for every door (RULES, S9)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import msgspec

from ca_core.policy.profile import Profile

SECONDS_PER_DAY = 86_400

_SLICES = 10
_AT_ONCE_SECONDS = 3600


Grace = Callable[[str], int]
"""For how many seconds after its end a certificate may still be renewed by who shows it, by its profile's name."""


class Window(msgspec.Struct, frozen=True):
    """The time in which a certificate may be replaced; both ends are UTC seconds and inclusive."""

    opens_at: int
    closes_at: int

    def is_open(self, now: int) -> bool:
        """Whether it is open at `now`, UTC seconds."""
        return self.opens_at <= now <= self.closes_at


def renewal_window(not_before: int, not_after: int, *, days: int, recalled_at: int | None = None) -> Window:
    """When the holder of a certificate may replace it.

    Opens `days` before `not_after` and closes at `not_after`, both UTC seconds and inclusive (RFC 5280,
    4.1.2.5). The window of a certificate that lives no longer than that opens with its life; of one that was recalled
    (`ca_core.revocation.recall`), no later than then.
    """
    opens_at = not_after - days * SECONDS_PER_DAY
    if recalled_at is not None:
        opens_at = min(opens_at, recalled_at)
    return Window(opens_at=max(not_before, opens_at), closes_at=not_after)


def suggested_window(window: Window, *, not_before: int, serial: str) -> Window:
    """When the holder of a certificate should replace it: a slice of its window (RFC 9773, 4.2).

    Serials choose their slices, so that a fleet that was made in one hour does not come back in one. None begins
    before two thirds of the certificate's life are over, for the window of a short-lived one opens with it; the last
    third of what is left is for those whose first try fails.

    Args:
        not_before: of the certificate, UTC seconds.
        serial: 40 hex digits.
    """
    begin = max(window.opens_at, not_before + (window.closes_at - not_before) * 2 // 3)
    usable = (window.closes_at - begin) * 2 // 3
    slice_seconds = usable // _SLICES
    draw = int.from_bytes(hashlib.sha256(serial.encode()).digest()[:8], "big")
    start = begin + draw % (usable - slice_seconds + 1)
    # RFC 9773, 4.2: it must not end before it has begun, nor when.
    return Window(opens_at=start, closes_at=start + max(1, slice_seconds))


def overdue_window(since: int) -> Window:
    """The suggested window of a certificate that should have been replaced, since UTC seconds: it is over."""
    return Window(opens_at=since - _AT_ONCE_SECONDS, closes_at=since)


def no_grace(_: str) -> int:
    """An expired certificate renews nothing (RULES, S10)."""
    return 0


def grace_of(profiles: Mapping[str, Profile]) -> Grace:
    """What the profiles say; one that settings no longer have says nothing."""

    def seconds(name: str) -> int:
        return profiles[name].renewal_grace_seconds if name in profiles else 0

    return seconds


def longest_window_seconds(profiles: Mapping[str, Profile], default: int) -> int:
    """For how long before its end a certificate may be replaced at the most, whatever its profile.

    Args:
        default: the setting `renewal.window_days`.
    """
    return max([default, *(profile.window_days(default) for profile in profiles.values())]) * SECONDS_PER_DAY

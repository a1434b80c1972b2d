"""When a certificate may be replaced: one rule for every door (RULES, S9)."""

from __future__ import annotations

import msgspec

SECONDS_PER_DAY = 86_400


class Window(msgspec.Struct, frozen=True):
    """The time in which a certificate may be replaced; both ends are UTC seconds and inclusive."""

    opens_at: int
    closes_at: int

    def is_open(self, now: int) -> bool:
        """Whether it is open at `now`, UTC seconds."""
        return self.opens_at <= now <= self.closes_at


def renewal_window(not_before: int, not_after: int, *, days: int) -> Window:
    """When the holder of a certificate may replace it.

    Opens `days` before `not_after` and closes at `not_after`, both UTC seconds and inclusive (RFC 5280,
    4.1.2.5). The window of a certificate that lives no longer than that opens with its life.
    """
    return Window(opens_at=max(not_before, not_after - days * SECONDS_PER_DAY), closes_at=not_after)

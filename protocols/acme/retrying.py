"""When a challenge is looked at again (RFC 8555, 8.2)."""

from __future__ import annotations

DELAYS_SECONDS = (3, 9, 27)
"""From one attempt to the next. Most of what passes passes soon, such as a record that is on its way."""
MOST_ATTEMPTS = len(DELAYS_SECONDS) + 1
SPARE_ATTEMPTS = 3
"""An attempt that a crash or a bug ended tells the client nothing; after so many of them it is told that."""

HASTE_SECONDS = 3
"""How long after an attempt a client that asks for another one is heard."""

# What may pass; a wrong answer is one, and is not asked for again.
_PASSING = frozenset({"connection", "dns", "tls"})


def is_passing(problem: str) -> bool:
    """Whether another look may bring something else.

    Args:
        problem: an error type without its URN prefix.
    """
    return problem in _PASSING


def delay_seconds(attempts: int) -> int | None:
    """How long to wait after so many attempts; None: it was the last."""
    return DELAYS_SECONDS[attempts - 1] if attempts < MOST_ATTEMPTS else None


def may_hasten(*, due_at: int, attempts: int, now: int) -> bool:
    """Whether a client that asks again is heard, where the next look would be at `due_at`."""
    if not 1 <= attempts < MOST_ATTEMPTS or due_at <= now:
        return False
    return now >= due_at - DELAYS_SECONDS[attempts - 1] + HASTE_SECONDS


def wait_seconds(*, due_at: int, now: int) -> int:
    """How long a client should wait before it asks how it went: until after the next look."""
    return max(1, due_at - now + 1)

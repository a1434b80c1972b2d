"""Waiting for what a server does by itself."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 60
_POLL_SECONDS = 0.1


def until(is_so: Callable[[], object], *, what: str) -> None:
    """Ask again and again until something is so; whoever runs many tests at once waits longer than seems needed."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS} s: {what}"
        time.sleep(_POLL_SECONDS)

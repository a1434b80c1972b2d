"""A clock that stands still until it is moved."""

from __future__ import annotations

START = 1_900_000_000


class SettableClock:
    def __init__(self, time: int = START) -> None:
        self._time = time

    def now(self) -> int:
        return self._time

    def move(self, seconds: int) -> None:
        self._time += seconds

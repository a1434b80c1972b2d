"""What is ready to be handed out, of which the longest unused gives way."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class ReadyMade(Generic[Key, Value]):
    """Values by key, bounded in number and in octets.

    Args:
        weigh: the octets of a value, keys and bookkeeping not counted.
    """

    def __init__(self, weigh: Callable[[Value], int], *, most: int, most_octets: int) -> None:
        self._weigh = weigh
        self._most = most
        self._most_octets = most_octets
        self._octets = 0
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        """How many values are here."""
        return len(self._values)

    def get(self, key: Key) -> Value | None:
        """Look a value up, which keeps it from giving way."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> None:
        """Take a value in; others give way as far as it needs."""
        self._take_out(key)
        self._values[key] = value
        self._octets += self._weigh(value)
        while len(self._values) > self._most or self._octets > self._most_octets:
            self._take_out(next(iter(self._values)))

    def drop(self, is_stale: Callable[[Value], bool]) -> None:
        """Take out what is stale."""
        for key in [key for key, value in self._values.items() if is_stale(value)]:
            self._take_out(key)

    def clear(self) -> None:
        """Take everything out."""
        self._values.clear()
        self._octets = 0

    def _take_out(self, key: Key) -> None:
        value = self._values.pop(key, None)
        if value is not None:
            self._octets -= self._weigh(value)

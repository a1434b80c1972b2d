"""What is ready to be handed out, of which the longest unused gives way."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=str | bytes)
Value = TypeVar("Value")

_RELEASED_AT_ONCE = 16


class ReadyMade(Generic[Key, Value]):
    """Values by key, bounded in number and in octets, and dropped by what they are about.

    Args:
        weigh: the octets of a value; those of its key are added, for whoever asks chooses keys. Bookkeeping is
            not counted.
        about: what a value is about, such as serials; always the same of one value.
        most_alike: how many values may be about one thing. Of those that are too many the first one gives way.
    """

    def __init__(
        self,
        weigh: Callable[[Value], int],
        about: Callable[[Value], Iterable[str | bytes]],
        *,
        most: int,
        most_octets: int,
        most_alike: int,
    ) -> None:
        self._weigh = weigh
        self._about = about
        self._most = most
        self._most_octets = most_octets
        self._most_alike = most_alike
        self._octets = 0
        self._values: OrderedDict[Key, Value] = OrderedDict()
        # Tuples: nearly all have one key, and none has more than `most_alike`.
        self._alike: dict[str | bytes, tuple[Key, ...]] = {}
        self._discarded: tuple[OrderedDict[Key, Value], dict[str | bytes, tuple[Key, ...]]] = (OrderedDict(), {})

    def __len__(self) -> int:
        """How many values are here."""
        return len(self._values)

    @property
    def octets(self) -> int:
        """What keys and values weigh together."""
        return self._octets

    def get(self, key: Key) -> Value | None:
        """Look a value up, which keeps it from giving way."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> None:
        """Take a value in; others give way as far as it needs."""
        self._release()
        self._take_out(key)
        for thing in frozenset(self._about(value)):
            if len(self._alike.get(thing, ())) >= self._most_alike:
                self._take_out(self._alike[thing][0])
            self._alike[thing] = (*self._alike.get(thing, ()), key)
        self._values[key] = value
        self._octets += len(key) + self._weigh(value)
        while len(self._values) > self._most or self._octets > self._most_octets:
            self._take_out(next(iter(self._values)))

    def drop(self, things: Iterable[str | bytes]) -> None:
        """Take out what is about any of some things; what is not is not looked at."""
        for thing in things:
            for key in self._alike.get(thing, ()):
                self._take_out(key)

    def clear(self) -> None:
        """Take everything out, at once; memory comes back with what is put in later.

        To free a hundred thousand values takes long enough for everybody else to notice.
        """
        self._discarded = (self._values, self._alike)
        self._values, self._alike = OrderedDict(), {}
        self._octets = 0

    def _release(self) -> None:
        """Free some of what was cleared."""
        for discarded in self._discarded:
            for _ in range(min(_RELEASED_AT_ONCE, len(discarded))):
                discarded.popitem()

    def _take_out(self, key: Key) -> None:
        value = self._values.pop(key, None)
        if value is None:
            return
        self._octets -= len(key) + self._weigh(value)
        for thing in frozenset(self._about(value)):
            left = tuple(other for other in self._alike[thing] if other != key)
            if left:
                self._alike[thing] = left
            else:
                del self._alike[thing]

"""Who counts what payers do: one process for itself, or all that serve from one database together.

A meter is a rate and a token bucket for each payer. Where one process serves, the buckets are in its memory; where
several do, they are rows, and a token that was taken through one server is gone for the others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

from ca_core.policy.buckets import MOST_KEYS, Buckets, Rate
from ca_core.store import buckets
from ca_core.store.database import Transaction


class Meter(ABC):
    """How much of one thing each payer may do."""

    @abstractmethod
    def known_wait_seconds(self, *payers: str, now: int) -> int:
        """As `wait_seconds`, as far as this process knows without asking; what is more than 0 is true."""

    @abstractmethod
    async def wait_seconds(self, tx: Transaction, *payers: str, now: int) -> int:
        """How long until each of the payers has a token, whole seconds; 0 when each has one."""

    @abstractmethod
    async def take(self, tx: Transaction, *payers: str, now: int) -> int:
        """Take a token from each of the payers; 0 when taken, else as `wait_seconds`.

        Of several payers some may have paid when another one cannot: then the transaction must not commit.
        """

    @abstractmethod
    async def spend(self, tx: Transaction, *payers: str, now: int) -> None:
        """Take a token from each of the payers that has one."""


Meters: TypeAlias = Callable[[str, Rate], Meter]
"""Makes a meter: by the name of what is counted, and its rate."""


class OwnMeter(Meter):
    """Counts in memory: for a store that one process serves from. What a transaction comes to is not waited for."""

    def __init__(self, rate: Rate) -> None:
        self._buckets = Buckets(rate)

    def known_wait_seconds(self, *payers: str, now: int) -> int:
        """All there is to know."""
        return self._buckets.wait_seconds(*payers, now=now)

    async def wait_seconds(self, tx: Transaction, *payers: str, now: int) -> int:  # noqa: ARG002  # a port's signature
        """The same."""
        return self._buckets.wait_seconds(*payers, now=now)

    async def take(self, tx: Transaction, *payers: str, now: int) -> int:  # noqa: ARG002  # as above
        """From each, or from none."""
        return self._buckets.take(*payers, now=now)

    async def spend(self, tx: Transaction, *payers: str, now: int) -> None:  # noqa: ARG002  # as above
        """From each that has one."""
        self._buckets.spend(*payers, now=now)


class SharedMeter(Meter):
    """Counts in the store: exact, however many processes count.

    A payer's row is held until the transaction ends, so who counts does it last.

    Args:
        name: of what is counted; its buckets have nothing to do with another one's.
    """

    def __init__(self, name: str, rate: Rate) -> None:
        self._name = name
        self._rate = rate
        self._refused_until: OrderedDict[str, int] = OrderedDict()

    def known_wait_seconds(self, *payers: str, now: int) -> int:
        """What refusals of a moment ago say: only time brings tokens back, whatever other servers do."""
        waits = (self._refused_until.get(payer, now) - now for payer in payers)
        # More than a full bucket takes was said by a clock that was ahead.
        longest = self._rate.burst * self._rate.seconds_each + 1
        return max((wait for wait in waits if 0 < wait <= longest), default=0)

    async def wait_seconds(self, tx: Transaction, *payers: str, now: int) -> int:
        """Ask the store."""
        waits = [await buckets.wait_seconds(tx, self._name, payer, self._rate, now=now) for payer in payers]
        return self._noted(payers, waits, now)

    async def take(self, tx: Transaction, *payers: str, now: int) -> int:
        """From each that has one; who is missing one is found out behind it."""
        if await buckets.take(tx, self._name, payers, self._rate, now=now):
            return 0
        return await self.wait_seconds(tx, *payers, now=now) or 1

    async def spend(self, tx: Transaction, *payers: str, now: int) -> None:
        """From each that has one."""
        await buckets.take(tx, self._name, payers, self._rate, now=now)

    def _noted(self, payers: tuple[str, ...], waits: list[int], now: int) -> int:
        for payer, wait in zip(payers, waits, strict=True):
            self._refused_until.pop(payer, None)
            if wait:
                self._refused_until[payer] = now + wait
        while len(self._refused_until) > MOST_KEYS:
            self._refused_until.popitem(last=False)
        return max(waits)


def own_meter(name: str, rate: Rate) -> Meter:  # noqa: ARG001  # memory has no need of names
    """A meter of this process."""
    return OwnMeter(rate)

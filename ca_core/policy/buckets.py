"""Token buckets in memory: how much of a thing one key may do, at once and over time."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict

import msgspec

MOST_KEYS = 50_000
_HOUR_SECONDS = 3600
_IPV4 = 4


class Rate(msgspec.Struct, frozen=True):
    """`burst` at once, and one more every `seconds_each`."""

    burst: int
    seconds_each: float


def hourly(number: int) -> Rate:
    """As many as `number` at once, and as many again over an hour."""
    return Rate(number, _HOUR_SECONDS / number)


class Buckets:
    """One bucket for each key: an account, a registration or a source.

    A key that was not seen has a full one. Of more than 50,000 keys the one that was quiet longest is forgotten, so
    memory is bounded whoever comes.
    """

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._levels: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._levels)

    def wait_seconds(self, *keys: str, now: int) -> int:
        """How long until each of the keys has a token, whole seconds; 0 when each has one."""
        levels = {key: self._level(key, now) for key in keys}
        missing = 1 - min(levels.values())
        if missing <= 0:
            return 0
        # Who is refused is not to be forgotten first, nor to wait until a clock that was ahead has come round.
        for key, level in levels.items():
            self._note(key, level, now)
        return math.ceil(missing * self._rate.seconds_each)

    def take(self, *keys: str, now: int) -> int:
        """Take a token from each of the keys, or from none; 0 when taken, else as `wait_seconds`."""
        wait = self.wait_seconds(*keys, now=now)
        if not wait:
            self.spend(*keys, now=now)
        return wait

    def spend(self, *keys: str, now: int) -> None:
        """Take a token from each of the keys that has one."""
        for key in keys:
            level = self._level(key, now)
            self._note(key, level - 1 if level >= 1 else level, now)

    def _note(self, key: str, level: float, now: int) -> None:
        # Back at the end of the line: who was quiet longest stands at its head.
        self._levels.pop(key, None)
        self._levels[key] = (level, now)
        if len(self._levels) > MOST_KEYS:
            self._levels.popitem(last=False)

    def _level(self, key: str, now: int) -> float:
        burst = float(self._rate.burst)
        level, seen_at = self._levels.get(key, (burst, now))
        # A clock that goes back brings nothing, and takes nothing away.
        return min(burst, level + max(0, now - seen_at) / self._rate.seconds_each)


def source_key(source: str) -> str:
    """What a source is counted as: an IPv6 subscriber holds a /64 and may come from anywhere in it."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source
    return source if address.version == _IPV4 else str(ipaddress.ip_network((address, 64), strict=False))

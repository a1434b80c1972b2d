"""Throttling of wrong secrets by source: a token bucket each, in memory."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

from ca_core.errors import Throttled

_BURST = 30
_SECONDS_A_TOKEN = 2
_MOST_SOURCES = 50_000
_IPV4 = 4


class Throttle:
    """Counts failures by source address; each forgives one failure every 2 s, up to 30 at once.

    Right secrets are never held back, so a fleet behind one address is not stopped by its one broken device;
    a wrong one costs its sender a token, and without tokens it is answered 429 and not journaled again.
    """

    def __init__(self) -> None:
        self._levels: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def failed(self, source: str, now: int) -> None:
        """Count one failure.

        Raises:
            Throttled: this source has failed too often of late.
        """
        source = _bucket(source)
        tokens, seen_at = self._levels.pop(source, (float(_BURST), now))
        tokens = min(float(_BURST), tokens + max(0, now - seen_at) / _SECONDS_A_TOKEN)
        allowed = tokens >= 1
        self._levels[source] = (tokens - 1 if allowed else tokens, now)
        if len(self._levels) > _MOST_SOURCES:
            self._levels.popitem(last=False)
        if not allowed:
            raise Throttled(
                "too many wrong secrets from this address; wait and try again",
                retry_after_seconds=_SECONDS_A_TOKEN,
            )


def _bucket(source: str) -> str:
    """An IPv6 subscriber holds a /64 and may come from anywhere in it."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source
    return source if address.version == _IPV4 else str(ipaddress.ip_network((address, 64), strict=False))

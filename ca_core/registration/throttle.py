"""Throttling of wrong secrets by source."""

from __future__ import annotations

from ca_core.errors import Throttled
from ca_core.policy.buckets import Buckets, Rate, source_key

_RATE = Rate(burst=30, seconds_each=2)


class Throttle:
    """Counts failures by source address; each forgives one failure every 2 s, up to 30 at once.

    Right secrets are never held back, so a fleet behind one address is not stopped by its one broken device;
    a wrong one costs its sender a token, and without tokens it is answered 429 and not journaled again.
    """

    def __init__(self) -> None:
        self._buckets = Buckets(_RATE)

    def failed(self, source: str, now: int) -> None:
        """Count one failure.

        Raises:
            Throttled: this source has failed too often of late.
        """
        wait = self._buckets.take(source_key(source), now=now)
        if wait:
            raise Throttled("too many wrong secrets from this address; wait and try again", retry_after_seconds=wait)

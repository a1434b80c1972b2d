"""Throttling of wrong secrets by source."""

from __future__ import annotations

from ca_core.errors import Throttled
from ca_core.metering import Meters, own_meter
from ca_core.policy.buckets import Rate, source_key
from ca_core.store.database import Transaction

_RATE = Rate(burst=30, seconds_each=2)


class Throttle:
    """Counts failures by source address; each forgives one failure every 2 s, up to 30 at once.

    Right secrets are never held back, so a fleet behind one address is not stopped by its one broken device;
    a wrong one costs its sender a token, and without tokens it is answered 429 and not journaled again.

    Args:
        name: of what is counted.
        meters: makes what counts.
    """

    def __init__(self, name: str = "wrong-secrets", meters: Meters = own_meter) -> None:
        self._meter = meters(name, _RATE)

    def require_room(self, source: str, now: int) -> None:
        """Refuse early what is known to be refused by `failed()`: a flood opens no transaction.

        Raises:
            Throttled: this source has failed too often of late.
        """
        _require_none(self._meter.known_wait_seconds(source_key(source), now=now))

    async def failed(self, tx: Transaction, source: str, now: int) -> None:
        """Count one failure.

        Raises:
            Throttled: this source has failed too often of late.
        """
        _require_none(await self._meter.take(tx, source_key(source), now=now))


def _require_none(wait_seconds: int) -> None:
    if wait_seconds:
        raise Throttled(
            "too many wrong secrets from this address; wait and try again", retry_after_seconds=wait_seconds
        )

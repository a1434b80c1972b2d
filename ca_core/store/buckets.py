"""Token buckets of which all servers take.

A bucket is one number: when it will be full again, in microseconds since 1970. A token puts that off by what it takes
to come back; a bucket that has no row is full.
"""

from __future__ import annotations

from ca_core.policy.buckets import Rate
from ca_core.store.database import Transaction

_MICROSECONDS = 1_000_000

_AHEAD = 60 * _MICROSECONDS
"""A bucket that is to be full so much later than an empty one would be was written by a clock that was ahead."""

# One statement decides, so that of any number of servers that want the last token one gets it. Behind a clock that was
# ahead a bucket counts as one with a single token: nobody waits until the clocks have come round.
_TAKE = """
INSERT INTO buckets (meter, payer, full_at)
SELECT :meter, payers.payer, :paid FROM (SELECT :one AS payer UNION SELECT :other) AS payers
WHERE payers.payer IS NOT NULL ORDER BY payers.payer
ON CONFLICT (meter, payer) DO UPDATE SET full_at = CASE
    WHEN buckets.full_at > :ahead THEN :empty WHEN buckets.full_at < :now THEN :paid ELSE buckets.full_at + :each END
WHERE buckets.full_at <= :last OR buckets.full_at > :ahead
"""


async def take(tx: Transaction, meter: str, payers: tuple[str, ...], rate: Rate, *, now: int) -> bool:
    """Take a token from each of one or two payers that has one; False when one has none.

    The rows are held until the transaction ends, and taken in one order, so that no two wait for each other.

    Args:
        now: UTC seconds.
    """
    each, empty, moment = _each(rate), _empty(rate, now), now * _MICROSECONDS
    changed = await tx.execute_beside(
        _TAKE,
        meter=meter,
        one=payers[0],
        other=payers[-1],
        now=moment,
        each=each,
        paid=moment + each,
        empty=empty,
        last=empty - each,
        ahead=empty + _AHEAD,
    )
    return changed == len(set(payers))


async def wait_seconds(tx: Transaction, meter: str, payer: str, rate: Rate, *, now: int) -> int:
    """How long until there is a token, whole seconds; 0 when there is one."""
    row = await tx.one("SELECT full_at FROM buckets WHERE meter = :meter AND payer = :payer", meter=meter, payer=payer)
    empty = _empty(rate, now)
    if row is None or row[0] > empty + _AHEAD:
        return 0
    full_at: int = row[0]
    return max(0, -(-(full_at + _each(rate) - empty) // _MICROSECONDS))


async def forget_full(tx: Transaction, *, now: int) -> None:
    """Remove the buckets that are full: nobody can tell them from those that were never there."""
    await tx.execute("DELETE FROM buckets WHERE full_at <= :now", now=now * _MICROSECONDS)


def _each(rate: Rate) -> int:
    return max(1, round(rate.seconds_each * _MICROSECONDS))


def _empty(rate: Rate, now: int) -> int:
    """When a bucket is full again that is empty now."""
    return now * _MICROSECONDS + rate.burst * _each(rate)

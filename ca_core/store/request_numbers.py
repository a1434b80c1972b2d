"""What all that waits for an officer shares: one row of numbers, so that a number alone says what is meant."""

from __future__ import annotations

from ca_core.store.database import Transaction

# How loudly a request was called for already (the column `called`): once at half of its time, once when it is overdue.
CALLED_AT_HALF_TIME = 1
CALLED_OVERDUE = 2


async def next_number(tx: Transaction) -> int:
    """Take the next number; one that is not used after all stays free for ever."""
    ((number,),) = await tx.all("UPDATE request_numbers SET last = last + 1 RETURNING last")
    return int(number)


async def next_numbers(tx: Transaction, count: int) -> range:
    """Take several numbers, as `next_number` does."""
    ((last,),) = await tx.all("UPDATE request_numbers SET last = last + :count RETURNING last", count=count)
    return range(int(last) - count + 1, int(last) + 1)

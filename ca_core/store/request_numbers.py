"""One row of numbers for all that waits for an officer, so that a number alone says what is meant."""

from __future__ import annotations

from ca_core.store.database import Transaction


async def next_number(tx: Transaction) -> int:
    """Take the next number; one that is not used after all stays free for ever."""
    ((number,),) = await tx.all("UPDATE request_numbers SET last = last + 1 RETURNING last")
    return int(number)

"""How many challenges are taken up to be looked at, in both databases."""

from __future__ import annotations

from ca_core.store import work
from ca_core.store.database import Database
from protocols.acme.records import validations
from protocols.acme.records.validations import VALIDATE_CHALLENGE, Share

NOW = 1_800_000_000


async def leased(database: Database, most: int) -> int:
    async with database.write() as tx:
        return len(await validations.lease(tx, Share(most, 16, 99), now=NOW, until=NOW + 120))


async def test_one_holder_gets_no_more_than_is_left_over(database: Database) -> None:
    async with database.write() as tx:
        for number in range(20):
            # Challenges that are not known any more: all of nobody, who is a holder like others.
            await work.add(tx, VALIDATE_CHALLENGE, f"challenge-{number}", now=NOW)

    taken = [await leased(database, most) for most in (10, 5, 7, 16, 64)]

    # The sixth of ten is one more than the four that would be left; what is held already counts as well.
    assert taken == [5, 0, 1, 5, 5]

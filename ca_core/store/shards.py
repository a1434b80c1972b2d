"""The shards that an issuer's certificates are in: the index says it in one step a shard, however many there are."""

from __future__ import annotations

from ca_core.store.database import Transaction

# DISTINCT would read every entry of the index; each step here finds the next shard at once.
_EACH = (
    "WITH RECURSIVE known (shard) AS ("
    " SELECT MIN(first.shard) FROM certificates first WHERE first.issuer = :issuer"
    " UNION ALL"
    " SELECT (SELECT MIN(later.shard) FROM certificates later"
    " WHERE later.issuer = :issuer AND later.shard > known.shard)"
    " FROM known WHERE known.shard IS NOT NULL)"
)
# Not EXISTS, which PostgreSQL may answer for all shards at once, by all certificates.
LIVE = (
    f"{_EACH} SELECT shard FROM known WHERE (SELECT MAX(held.not_after) FROM certificates held"  # noqa: S608  # two texts of ours
    " WHERE held.issuer = :issuer AND held.shard = known.shard) >= :since"
)
LAST_EXPIRY = (
    f"{_EACH} SELECT MAX((SELECT MAX(held.not_after) FROM certificates held"  # noqa: S608  # two texts of ours
    " WHERE held.issuer = :issuer AND held.shard = known.shard)) FROM known"
)


async def live(tx: Transaction, issuer: str, *, since: int) -> set[int]:
    """The shards of certificates that expire at a time or later, issued or intended."""
    return {shard for (shard,) in await tx.all(LIVE, issuer=issuer, since=since)}


async def last_expiry(tx: Transaction, issuer: str) -> int | None:
    """When the last certificate of an issuer expires, UTC seconds; None when it issued none."""
    ((expiry,),) = await tx.all(LAST_EXPIRY, issuer=issuer)
    return None if expiry is None else int(expiry)

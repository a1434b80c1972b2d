"""How much of something there is, counted along an index: up to a number, or whole where a chart needs it."""

# ruff: noqa: S608  # columns and tables are our own words, and values are bound

from __future__ import annotations

from ca_core.staff.role import EVERY_REALM, Actor
from ca_core.store.database import Transaction, Value
from ca_core.store.lanes import IS_RARE

_UP_TO = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM {} LIMIT :most) counted"
EXPIRING = _UP_TO.format(
    "certificates c WHERE c.issued_at IS NOT NULL AND c.realm = :realm AND c.profile = :profile"
    " AND c.not_after >= :since AND c.not_after <= :until"
    " AND NOT EXISTS (SELECT 1 FROM revocations r WHERE r.serial = c.serial)"
)
EXPIRING_OF_OWNER = _UP_TO.format(
    "certificates c WHERE c.issued_at IS NOT NULL AND c.owner = :owner AND c.not_after >= :since"
    " AND c.not_after <= :until AND NOT EXISTS (SELECT 1 FROM revocations r WHERE r.serial = c.serial)"
)
REGISTRATIONS = _UP_TO.format(
    "registrations g WHERE g.realm = :realm AND g.status = :status AND g.expires_at >= :since"
    " AND g.expires_at <= :until AND g.kind <> 'server' AND g.kind <> 'officer'"
)
REGISTRATIONS_OF_OWNER = _UP_TO.format(
    "(SELECT * FROM registrations WHERE owner = :owner ORDER BY created_at DESC, id DESC LIMIT :looked) looked"
    " WHERE status = :status AND expires_at >= :since AND expires_at <= :until"
)
# Of the newest ones; which of them are of a realm is asked one by one.
REFUSED = (
    "SELECT COUNT(*) FROM (SELECT j.registration_id AS id FROM journal j WHERE j.event = 'credential-refused'"
    f" AND {IS_RARE} AND j.id >= :since ORDER BY j.id DESC LIMIT :most) counted"
    " LEFT JOIN registrations g ON g.id = counted.id WHERE :realm = :every OR g.realm = :realm"
)
_WEEK = "(c.not_after - :since) / 604800 AS week"
_SOON = "c.issued_at IS NOT NULL AND c.not_after >= :since AND c.not_after < :until"
_EACH_WEEK = "SELECT week, COUNT(*) FROM (SELECT {} FROM {}) counted GROUP BY week"
WEEKS = _EACH_WEEK.format(_WEEK, f"certificates c WHERE {_SOON} AND c.realm = :realm AND c.profile = :profile")
WEEKS_OF_OWNER = _EACH_WEEK.format(_WEEK, f"certificates c WHERE {_SOON} AND c.owner = :owner")
_OF_REGISTRATIONS = "(g.expires_at - :since) / 604800 AS week"
_ACTIVE = (
    "g.status = 'active' AND g.expires_at >= :since AND g.expires_at < :until AND g.kind NOT IN ('server', 'officer')"
)
REGISTRATION_WEEKS = _EACH_WEEK.format(_OF_REGISTRATIONS, f"registrations g WHERE g.realm = :realm AND {_ACTIVE}")
REGISTRATION_WEEKS_OF_OWNER = _EACH_WEEK.format(
    _OF_REGISTRATIONS, f"registrations g WHERE g.owner = :owner AND {_ACTIVE}"
)
# From the revocations: there are fewer of them than of certificates.
REVOKED_WEEKS = (
    f"SELECT profile, week, COUNT(*) FROM (SELECT c.profile AS profile, {_WEEK} FROM revocations r"
    f" JOIN certificates c ON c.serial = r.serial WHERE {_SOON} AND r.not_after >= :since AND r.not_after < :until"
    " AND r.reason <> 6 AND c.realm = :realm AND (:owner = '' OR c.owner = :owner)) counted GROUP BY profile, week"
)
Weeks = dict[int, int]
"""How many by the number of the week."""


async def count(tx: Transaction, sql: str, **values: Value) -> int:
    """How many a statement of this file finds."""
    ((found,),) = await tx.all(sql, **values)
    return int(found)


async def refused(tx: Transaction, actor: Actor, *, since: str, most: int) -> int:
    """How many of the newest credentials that were refused are the actor's to see.

    Args:
        since: the first identity of that time.
    """
    return await count(tx, REFUSED, since=since, most=most, realm=actor.realm, every=EVERY_REALM)


async def weeks(tx: Transaction, sql: str, **values: Value) -> Weeks:
    """How many end in each week, by its number; for the counting of all of them."""
    return {int(week): int(number) for week, number in await tx.all(sql, **values)}


async def revoked_weeks(tx: Transaction, **values: Value) -> list[tuple[str, int, int]]:
    """How many that would end in a week are revoked for good: profile, number of the week, how many."""
    return [(profile, int(week), int(number)) for profile, week, number in await tx.all(REVOKED_WEEKS, **values)]

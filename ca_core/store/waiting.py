"""All that waits for officers, in one table: certificates, revocations, and what officers ask for themselves."""

from __future__ import annotations

from ca_core.staff.role import EVERY_REALM, Actor
from ca_core.store.database import Row, Transaction

_ALL = (
    "SELECT e.number AS number, 'enrollment' AS what, e.state AS state, e.requested_at AS requested_at,"
    " e.due_at AS due_at, g.account AS account, g.kind AS kind, g.realm AS realm, g.owner AS owner, '' AS asked_by,"
    " 0 AS needed FROM enrollment_requests e JOIN registrations g ON g.id = e.registration_id"
    " UNION ALL SELECT r.number, 'revocation', r.state, r.requested_at, r.due_at, g.account, g.kind, g.realm, g.owner,"
    " r.actor, 0 FROM revocation_requests r JOIN registrations g ON g.id = r.registration_id"
    " UNION ALL SELECT d.number, d.action, d.state, d.requested_at, d.due_at, g.account, g.kind, d.realm, g.owner,"
    " d.asked_by, d.needed FROM desk_requests d LEFT JOIN registrations g ON g.id = d.registration_id"
)
_OPEN = "(state = 'pending' OR (state = 'approved' AND needed > 0))"
_COUNT = (
    f"SELECT COUNT(*) FROM (SELECT 1 AS one FROM ({_ALL}) w WHERE {_OPEN}"  # noqa: S608  # our own words
    " AND (:realm = :every OR realm = :realm) AND (:owner = '' OR owner = :owner) LIMIT :most) counted"
)
_PAGE = (
    "SELECT number, what, state, requested_at, due_at, account, kind, realm, asked_by, needed,"  # noqa: S608  # our own words
    " (SELECT COUNT(*) FROM approvals a WHERE a.number = w.number AND a.verdict = 'approved')"
    f" FROM ({_ALL}) w WHERE {_OPEN} AND (:realm = :every OR realm = :realm) AND (:owner = '' OR owner = :owner)"
    " AND (due_at > :due_at OR (due_at = :due_at AND number > :number)) ORDER BY due_at, number LIMIT :most"
)


async def page(tx: Transaction, actor: Actor, *, after: tuple[int, int], most: int) -> list[Row]:
    """What an actor sees of it, the most urgent first.

    Args:
        after: due time and number of the last one of the page before.
    """
    return await tx.all(
        _PAGE,
        realm=actor.realm,
        every=EVERY_REALM,
        owner=actor.owner or "",
        due_at=after[0],
        number=after[1],
        most=most,
    )


async def count(tx: Transaction, actor: Actor, *, most: int) -> int:
    """How much an actor sees of it, counted up to a number."""
    ((found,),) = await tx.all(_COUNT, realm=actor.realm, every=EVERY_REALM, owner=actor.owner or "", most=most)
    return int(found)

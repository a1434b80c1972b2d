"""All that waits for officers, in one table: certificates, revocations, and what officers ask for themselves."""

from __future__ import annotations

import msgspec

from ca_core.staff.role import EVERY_REALM, Actor, Via
from ca_core.store.database import Row, Transaction, Value

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
# Of what is asked for at the desk, an integrator has what it asked for itself, whoever's it is to be.
_SEEN = (
    "(:realm = :every OR realm = :realm) AND (:owner = '' OR CASE WHEN needed = 0 THEN COALESCE(owner, '') = :owner"
    " ELSE asked_by IN (:by_api, :by_desk) END)"
)
_COUNT = (
    f"SELECT COUNT(*) FROM (SELECT 1 AS one FROM ({_ALL}) w WHERE {_OPEN}"  # noqa: S608  # our own words
    f" AND {_SEEN} LIMIT :most) counted"
)
_PAGE = (
    "SELECT number, what, state, requested_at, due_at, account, kind, realm, asked_by, needed,"  # noqa: S608  # our own words
    " (SELECT COUNT(*) FROM approvals a WHERE a.number = w.number AND a.verdict = 'approved')"
    f" FROM ({_ALL}) w WHERE {_OPEN} AND {_SEEN}"
    " AND (due_at > :due_at OR (due_at = :due_at AND number > :number)) ORDER BY due_at, number LIMIT :most"
)


async def page(tx: Transaction, actor: Actor, *, after: tuple[int, int], most: int) -> list[Row]:
    """What an actor sees of it, the most urgent first.

    Args:
        after: due time and number of the last one of the page before.
    """
    return await tx.all(
        _PAGE,
        **_seen_by(actor),
        due_at=after[0],
        number=after[1],
        most=most,
    )


async def count(tx: Transaction, actor: Actor, *, most: int) -> int:
    """How much an actor sees of it, counted up to a number."""
    ((found,),) = await tx.all(_COUNT, **_seen_by(actor), most=most)
    return int(found)


def _seen_by(actor: Actor) -> dict[str, Value]:
    return {
        "realm": actor.realm,
        "every": EVERY_REALM,
        "owner": actor.owner or "",
        "by_api": msgspec.structs.replace(actor, via=Via.API).journal_name,
        "by_desk": msgspec.structs.replace(actor, via=Via.DESK).journal_name,
    }

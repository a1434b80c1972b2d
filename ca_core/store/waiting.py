"""All that waits for officers, in one list: certificates, revocations, and what officers ask for themselves."""

# ruff: noqa: S608  # columns and tables are our own words, and values are bound

from __future__ import annotations

import msgspec

from ca_core.staff.role import EVERY_REALM, Actor, Via, console
from ca_core.store.database import Row, Transaction, Value

_COLUMNS = "{0}.number, {1}, {0}.state, {0}.requested_at, {0}.due_at, g.account, g.kind, {2}, {3}, {4}"
_GIVEN = "(SELECT COUNT(*) FROM approvals a WHERE a.number = {0}.number AND a.verdict = 'approved')"
_OF_SUBSCRIBERS = "(:realm = :every OR g.realm = :realm) AND (:owner = '' OR g.owner = :owner)"
# Of what is asked for at the desk, an integrator has what it asked for itself, whoever's it is to be.
_OF_OFFICERS = "(:realm = :every OR d.realm = :realm) AND (:owner = '' OR d.asked_by IN (:by_api, :by_desk))"
# From the request on, whatever a planner thinks of a realm.
_JOINED = "{0} {1} LEFT JOIN registrations g ON g.id = {1}.registration_id"
_FROM = (
    # In these words the indexes say what is open.
    (
        "e",
        _COLUMNS.format("e", "'enrollment'", "g.realm", "''", "0"),
        "enrollment_requests",
        f"e.state = 'pending' AND {_OF_SUBSCRIBERS}",
    ),
    (
        "r",
        _COLUMNS.format("r", "'revocation'", "g.realm", "r.actor", "0"),
        "revocation_requests",
        f"r.state = 'pending' AND {_OF_SUBSCRIBERS}",
    ),
    (
        "d",
        _COLUMNS.format("d", "d.action", "d.realm", "d.asked_by", "d.needed"),
        "desk_requests",
        f"d.state IN ('pending', 'approved') AND {_OF_OFFICERS}",
    ),
)
PAGES = tuple(
    f"SELECT {columns}, {_GIVEN.format(name)} FROM {_JOINED.format(table, name)}"
    f" WHERE {where} AND ({name}.due_at, {name}.number) > (:due_at, :number)"
    f" ORDER BY {name}.due_at, {name}.number LIMIT :most"
    for name, columns, table, where in _FROM
)
"""Each goes along one index, from a key on; a page is put together from all of them."""
COUNTS = tuple(
    f"SELECT COUNT(*) FROM (SELECT 1 AS one FROM {_JOINED.format(table, name)} WHERE {where} LIMIT :most) counted"
    for name, _, table, where in _FROM
)
UNDONE = (
    "SELECT d.decided_at, d.number, d.action, d.state, g.account, d.note FROM desk_requests d"
    " LEFT JOIN registrations g ON g.id = d.registration_id WHERE d.state IN ('rejected', 'lapsed')"
    " AND d.asked_by = :asked_by AND d.decided_at >= :since ORDER BY d.decided_at DESC, d.number DESC LIMIT :most"
)


async def page(tx: Transaction, actor: Actor, *, after: tuple[int, int], most: int) -> list[Row]:
    """What an actor sees of it, the most urgent first.

    Args:
        after: due time and number of the last one of the page before.
    """
    found: list[Row] = []
    for sql in PAGES:
        found += await tx.all(sql, **_seen_by(actor), due_at=after[0], number=after[1], most=most)
    found.sort(key=lambda row: (row[4], row[0]))
    return found[:most]


async def count(tx: Transaction, actor: Actor, *, most: int) -> int:
    """How much an actor sees of it, counted up to a number."""
    found = 0
    for sql in COUNTS:
        ((counted,),) = await tx.all(sql, **_seen_by(actor), most=most)
        found += int(counted)
    return min(found, most)


async def undone(tx: Transaction, actor: Actor, *, since: int, most: int) -> list[Row]:
    """What an actor asked other officers for, wherever, and they rejected or nobody decided; the newest first.

    Args:
        since: UTC seconds; what came to nothing before is left out.
    """
    names = {msgspec.structs.replace(actor, via=via).journal_name for via in (Via.API, Via.DESK)}
    found: list[Row] = []
    for name in sorted(names | {console(actor.name).journal_name}):
        found += await tx.all(UNDONE, asked_by=name, since=since, most=most)
    found.sort(key=lambda row: (row[0], row[1]), reverse=True)
    return found[:most]


def _seen_by(actor: Actor) -> dict[str, Value]:
    return {
        "realm": actor.realm,
        "every": EVERY_REALM,
        "owner": actor.owner or "",
        "by_api": msgspec.structs.replace(actor, via=Via.API).journal_name,
        "by_desk": msgspec.structs.replace(actor, via=Via.DESK).journal_name,
    }

"""The list of registrations, and what is looked for in it."""

from __future__ import annotations

from ca_core.registration.account import Status
from ca_core.staff.looking import ANY_END
from ca_core.staff.role import Action
from protocols.wire import Reply
from server.desk.route import Route
from server.desk.searching import first_page, first_second, last_second, next_page
from server.desk.visit import NavItem, Visit
from server.desk.words import phrase

_PATH = "/registrations"
_FIELDS = ("text", "kind", "status", "from", "until")
NAV = (NavItem(_PATH, phrase("Registrations"), Action.READ_REGISTRATIONS),)
_MOST = 50


async def show(visit: Visit) -> Reply:
    """A page of it.

    Raises:
        BadRequest: what is looked for cannot be.
    """
    query = visit.query
    text, kind, status, after = (query.get(name) for name in ("text", "kind", "status", "after"))
    since, until = first_second(query, "from"), last_second(query, "until")
    found = await visit.office.staff.looking.registrations(
        visit.actor,
        text=text,
        kind=kind or None,
        status=Status(status) if status in set(Status) else None,
        ends=(since or ANY_END[0], ANY_END[1] if until is None else until),
        after=after or None,
        most=_MOST,
    )
    return visit.render(
        "registrations.html",
        lines=found,
        following=next_page(_PATH, query, found.more),
        first=first_page(_PATH, query),
        kinds=list(visit.office.kinds),
        states=[one.value for one in Status],
        wanted={name: query.get(name) for name in _FIELDS},
    )


ROUTES = (Route("GET", _PATH, show, Action.READ_REGISTRATIONS),)

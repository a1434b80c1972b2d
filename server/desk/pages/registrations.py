"""The list of registrations, and what is looked for in it."""

from __future__ import annotations

from ca_core.registration.account import Status
from ca_core.staff.role import Action
from protocols.wire import Reply
from server.desk.route import Route
from server.desk.visit import NavItem, Visit
from server.desk.words import phrase

NAV = (NavItem("/registrations", phrase("Registrations"), Action.READ_REGISTRATIONS),)
_MOST = 50


async def show(visit: Visit) -> Reply:
    """A page of it.

    Raises:
        BadRequest: what is looked for cannot be.
    """
    query = visit.query
    text, kind, status, after = (query.get(name) for name in ("text", "kind", "status", "after"))
    found = await visit.office.staff.looking.registrations(
        visit.actor,
        text=text,
        kind=kind or None,
        status=Status(status) if status in set(Status) else None,
        after=after or None,
        most=_MOST,
    )
    return visit.render(
        "registrations.html",
        lines=found,
        more=found.more or "",
        kinds=list(visit.office.kinds),
        states=[one.value for one in Status],
        wanted={"text": text, "kind": kind, "status": status, "after": after},
    )


ROUTES = (Route("GET", "/registrations", show, Action.READ_REGISTRATIONS),)

"""Records: everything ever done in this registration's name, as the journal has it, in words."""

from __future__ import annotations

from ca_core.errors import BadRequest
from ca_core.staff.journal_search import journal_page
from ca_core.staff.lines import JournalFilter, JournalLine, Page
from ca_core.staff.role import EVERY_REALM, Actor, Role, Via
from protocols.wire import Reply
from server.desk.searching import AFTER, first_page, first_second, last_second, next_page, optional
from server.portal import event_groups
from server.portal.route import PortalRoute
from server.portal.visit import Visit

_PLACE = "/history"
_MOST = 30
_FIELDS = ("event", "since", "until")
_READER = Actor("portal", Role.AUDITOR, EVERY_REALM, None, Via.DESK)
"""Reads in the subscriber's place; the account in the filter is always the subscriber's own."""


async def show(visit: Visit) -> Reply:
    """The newest first, as far as the form asks for it."""
    query, fault, status = visit.query, "", 200
    found: Page[JournalLine] = Page()
    try:
        since, until = first_second(query, "since"), last_second(query, "until")
        own = JournalFilter(account=visit.registration.account, since=since, until=until)
        among = event_groups.among(optional(query, "event")) or None
        async with visit.office.database.read() as tx:
            found = await journal_page(tx, _READER, own, after=optional(query, AFTER), most=_MOST, among=among)
    except BadRequest:
        fault, status = "1", 400
    return visit.render(
        "history.html",
        status=status,
        lines=found,
        asked={name: query.get(name) for name in _FIELDS},
        groups=event_groups.GROUPS,
        fault=fault,
        following=next_page(_PLACE, query, found.more),
        first=first_page(_PLACE, query),
    )


ROUTES = (PortalRoute("GET", _PLACE, show),)

"""The first page: who you are here, and what you may do."""

from __future__ import annotations

from protocols.wire import Reply
from server.desk.route import Route
from server.desk.visit import NavItem, Visit
from server.desk.words import phrase

NAV = (NavItem("/", phrase("Start"), None),)


async def show(visit: Visit) -> Reply:
    """Say it."""
    return visit.render("start.html")


ROUTES = (Route("GET", "/", show),)

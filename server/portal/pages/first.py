"""The first page: what this is, the way in, and where programs find everything."""

from __future__ import annotations

from ca_core.registration.session import Step
from protocols.wire import Reply
from server.portal.route import PortalRoute
from server.portal.visit import SCRIPT, Visit, see_other


async def show(visit: Visit) -> Reply:
    """Whoever is signed in goes on to their own pages."""
    if visit.session is not None:
        return see_other(visit.portal.home if visit.session.step is Step.SIGNED_IN else "/password")
    # A sheet's QR code leads here; the script takes what it carries on to the form.
    return visit.render("first.html", scripts=(SCRIPT,), addresses=visit.portal.addresses)


ROUTES = (PortalRoute("GET", "/", show, None),)

"""All pages of the portal, and the tabs in the order of the subscriber's manual.

A page is a file in `server.portal.pages` with `ROUTES`; a template below `templates`; and its Chinese texts in a
catalog of its own below `server/web/locale`. A handler is given a `Visit`; what a form sends has been checked for its
token before. A tab is shown as soon as there is a page at its path.
"""

from __future__ import annotations

from itertools import chain

from ca_core.enrollment import Enrollment
from ca_core.subscriber.holdings import Holdings
from ca_core.subscriber.proving import Proving
from protocols.acme.agreements import Agreements
from server.office import Office
from server.portal.dialogue import PortalDialogue
from server.portal.gate import Gate
from server.portal.gate_pictures import Codes
from server.portal.pages import (
    apply,
    certificates,
    devices,
    download,
    first,
    gate,
    history,
    passkeys,
    password,
    renew,
    revoke,
    sign_in,
)
from server.portal.route import PortalRoute
from server.portal.visit import HEADERS, Address, Chain, Portal, Roots, Tab
from server.portal.words import VOCABULARY, phrase
from server.setting_tables import Calendar
from server.signing_in import SigningIn
from server.web.asset_files import AssetFiles
from server.web.forms import as_browsers_write
from server.web.frame import Frame
from server.web.route import matching

_PAGES = (
    first,
    sign_in,
    gate,
    apply,
    renew,
    download,
    revoke,
    certificates,
    password,
    passkeys,
    devices,
    history,
)
ROUTES: tuple[PortalRoute, ...] = tuple(chain.from_iterable(page.ROUTES for page in _PAGES))
_TABS = (
    Tab("/apply", phrase("Apply for certificates")),
    Tab("/renew", phrase("Renew certificates")),
    Tab("/download", phrase("Download certificates")),
    Tab("/revoke", phrase("Revoke certificates")),
    Tab("/certificates", phrase("View certificates")),
    Tab("/password", phrase("Change the password")),
    Tab("/passkeys", phrase("Passkeys")),
    Tab("/devices", phrase("Devices and programs")),
    Tab("/history", phrase("Records")),
)
TABS = tuple(tab for tab in _TABS if matching(ROUTES, tab.path))
_HOME = next(path for path in ("/certificates", "/apply", "/password") if matching(ROUTES, path))
_SCRIPTED = "script-src 'self'; connect-src 'self'"


def portal_frame(assets: AssetFiles, calendar: Calendar = Calendar.GREGORIAN) -> Frame:
    """What makes pages look like the portal's."""
    return Frame(
        "server.portal",
        assets,
        VOCABULARY,
        headers=HEADERS,
        scripted=_SCRIPTED,
        styles=("portal.css",),
        calendar=calendar,
    )


def portal_dialogue(
    office: Office,
    assets: AssetFiles,
    *,
    entering: SigningIn,
    enrollment: Enrollment,
    agreements: Agreements,
    chain: Chain,
    roots: Roots,
    addresses: tuple[Address, ...],
) -> PortalDialogue:
    """The subscriber's pages.

    Args:
        chain: the certificates of a CA and of those above it, by its name.
        roots: what subscribers trust.
        addresses: for programs.
    """
    codes = Codes(office.keeper)
    portal = Portal(
        office=office,
        gate=Gate(office.database, office.clock, office.keeper, office.settings.portal.gate, codes),
        codes=codes,
        frame=portal_frame(assets, office.settings.portal.calendar),
        assets=assets,
        entering=entering,
        enrollment=enrollment,
        holdings=Holdings(
            office.database, office.clock, office.profiles, window_days=office.settings.renewal.window_days
        ),
        proving=Proving(office.database, office.clock, entering.sessions, office.revocations),
        agreements=agreements,
        chain=chain,
        roots=roots,
        origin=as_browsers_write(office.settings.public),
        tabs=TABS,
        home=_HOME,
        addresses=addresses,
    )
    return PortalDialogue(portal, ROUTES)

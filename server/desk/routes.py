"""All pages of the desk, in the order of their links.

A page is a file in `server.desk.pages` with `ROUTES`, and with `NAV` where it has links on every page; a template below
`templates`; and its Chinese texts in a catalog below `server/web/locale`, which may be a file of its own. A handler is
given a `Visit`; what a form sends has been checked for its token before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain

from markupsafe import Markup

from server.desk import faults
from server.desk.dialogue import DeskDialogue
from server.desk.entrance import Entrance
from server.desk.form import FormTokens
from server.desk.pages import (
    certificate_list,
    certificates,
    changing,
    eab_keys,
    journal,
    officers,
    overview,
    passkeys,
    registering,
    registration,
    registrations,
    requests,
    revoking,
    sheets,
    standing,
)
from server.desk.route import Route
from server.desk.visit import Chain, Desk
from server.desk.words import VOCABULARY
from server.office import Office
from server.verifying import Verifier
from server.web.asset_files import AssetFiles
from server.web.frame import Frame
from server.web.languages import Texts

_PAGES = (
    overview,
    registrations,
    registering,
    registration,
    changing,
    standing,
    requests,
    sheets,
    eab_keys,
    certificate_list,
    revoking,
    certificates,
    journal,
    officers,
    passkeys,
)
ROUTES: tuple[Route, ...] = tuple(chain.from_iterable(page.ROUTES for page in _PAGES))
NAV = tuple(chain.from_iterable(getattr(page, "NAV", ()) for page in _PAGES))


def desk_dialogue(
    office: Office, assets: AssetFiles, chain: Chain, verifier: Verifier, entrance: Entrance
) -> DeskDialogue:
    """The desk's pages over what the RA works with.

    Args:
        chain: the certificates of a CA and of those above it, by its name.
        verifier, entrance: prove the journal, and ask for passkeys; the API's too.
    """
    frame = Frame("server.desk", assets, VOCABULARY, filters=_faults)
    desk = Desk(office, frame, FormTokens(office.keeper, office.clock), NAV, chain, verifier, entrance)
    return DeskDialogue(desk, ROUTES)


def _faults(texts: Texts) -> Mapping[str, Callable[..., object]]:
    """What is wrong with fields."""

    def fault(why: str) -> Markup:
        return faults.said(why, texts)

    return {"fault": fault}

"""What answers on the public listener, put together."""

from __future__ import annotations

from protocols.acme.agreements import Agreements
from server import notices
from server.assembly import Strongroom
from server.middleware import Dialogue
from server.office import Office
from server.portal.addresses import addresses
from server.portal.routes import portal_dialogue, portal_frame
from server.routes import PublicDialogue
from server.signing_in import SigningIn
from server.web.agreement import AgreementPages
from server.web.asset_files import AssetFiles
from server.web.help import HelpPages, help_facts
from server.web.notices import NoticePages
from server.web.open_pages import OpenPages


def public_dialogue(
    opened: Office, room: Strongroom, acme: Dialogue, agreements: Agreements, entering: SigningIn
) -> PublicDialogue:
    """ACME, the subscriber's portal and every page beside it."""
    assets = AssetFiles()
    shown = OpenPages(portal_frame(assets, opened.settings.portal.calendar))
    pages = AgreementPages(opened.database, agreements, shown)
    portal = portal_dialogue(
        opened,
        assets,
        entering=entering,
        enrollment=room.enrollment,
        agreements=agreements,
        chain=room.chain,
        roots=room.roots,
        addresses=addresses(opened, pages),
    )
    helping = HelpPages(help_facts(opened.settings), shown)
    return PublicDialogue(acme, pages, helping, NoticePages(notices.readers(opened)), portal=portal, assets=assets)

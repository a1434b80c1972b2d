"""What answers on the public listener, put together."""

from __future__ import annotations

from protocols.acme.agreements import Agreements
from server import notices
from server.assembly import Strongroom
from server.middleware import Dialogue
from server.office import Office
from server.portal.addresses import addresses
from server.portal.routes import portal_dialogue
from server.routes import PublicDialogue
from server.signing_in import SigningIn
from server.web.agreement import AgreementPages
from server.web.asset_files import AssetFiles
from server.web.help import HelpPages, help_facts
from server.web.notices import NoticePages


def public_dialogue(
    opened: Office, room: Strongroom, acme: Dialogue, agreements: Agreements, entering: SigningIn
) -> PublicDialogue:
    """ACME, the subscriber's portal and every page beside it."""
    assets, pages = AssetFiles(), AgreementPages(opened.database, agreements)
    portal = portal_dialogue(
        opened,
        assets,
        entering=entering,
        enrollment=room.enrollment,
        agreements=agreements,
        chain=room.chain,
        addresses=addresses(opened, pages),
    )
    helping = HelpPages(help_facts(opened.settings))
    return PublicDialogue(acme, pages, helping, NoticePages(notices.readers(opened)), portal=portal, assets=assets)

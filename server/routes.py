"""Which dialogue answers what on the public listener."""

from __future__ import annotations

from ca_core.errors import Refusal
from protocols.help_address import PREFIX as HELP
from protocols.wire import Reply, Request, plain_text
from server.middleware import Dialogue
from server.portal.dialogue import PortalDialogue
from server.web.agreement import AgreementPages
from server.web.asset_files import PREFIX as ASSETS
from server.web.asset_files import AssetFiles
from server.web.frame import alone
from server.web.help import HelpPages
from server.web.notices import NoticePages

ACME = "/acme/"


class PublicDialogue:
    """ACME below `/acme/`, the agreement, reminders, pages that help below `/help/`, and the subscriber's portal."""

    def __init__(
        self,
        acme: Dialogue,
        agreement: AgreementPages,
        pages: HelpPages,
        notices: NoticePages,
        *,
        portal: PortalDialogue,
        assets: AssetFiles,
    ) -> None:
        self._acme = acme
        self._agreement = agreement
        self._pages = pages
        self._notices = notices
        self._portal = portal
        self._assets = assets

    async def answer(self, request: Request) -> Reply:
        """Answer one request."""
        if request.path.startswith(ACME):
            return await self._acme.answer(request)
        return alone(await self._shown(request))

    async def _shown(self, request: Request) -> Reply:
        """What a browser may be led to."""
        if request.path.startswith(HELP):
            return self._pages.answer(request)
        if request.path.startswith(ASSETS):
            return self._assets.answer(request)
        if self._agreement.is_for(request.path):
            return await self._agreement.answer(request)
        if self._notices.is_for(request.path):
            return await self._notices.answer(request)
        if self._portal.is_for(request.path) or "text/html" in request.headers.get("accept", ""):
            return await self._portal.answer(request)
        return plain_text(404, "there is nothing here; the ACME directory is at /acme/directory")

    @property
    def apart(self) -> dict[str, Dialogue]:
        """What answers below a path of its own, and says in its own form what cannot be read and what we did wrong."""
        return {ACME: self._acme}

    def refuse(self, refusal: Refusal) -> Reply:
        """As a page: outside of ACME it is people who come here."""
        return alone(self._portal.refuse(refusal))

    def bug_reply(self, reference: str) -> Reply:
        """Our own bug, as a page."""
        return alone(self._portal.bug_reply(reference))

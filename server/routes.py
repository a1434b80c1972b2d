"""Which dialogue answers what on the public listener."""

from __future__ import annotations

from ca_core.errors import Refusal
from protocols.wire import Reply, Request, plain_text
from server.middleware import Dialogue
from server.web import help as help_module
from server.web.agreement import AgreementPages
from server.web.help import HelpPages
from server.web.notices import NoticePages


class PublicDialogue:
    """ACME below `/acme/`, the agreement, reminders, pages that help below `/help/`, and at `/` where everything is.

    Args:
        addresses: label and URL, in the order of the page.
    """

    def __init__(
        self,
        acme: Dialogue,
        agreement: AgreementPages,
        pages: HelpPages,
        notices: NoticePages,
        addresses: tuple[tuple[str, str], ...],
    ) -> None:
        self._acme = acme
        self._agreement = agreement
        self._pages = pages
        self._notices = notices
        self._page = "\n".join(f"{label}: {url}" for label, url in addresses)

    async def answer(self, request: Request) -> Reply:
        """Answer one request."""
        if request.path.startswith("/acme/"):
            return await self._acme.answer(request)
        if request.path.startswith(help_module.PREFIX):
            return self._pages.answer(request.method, request.path)
        if self._agreement.is_for(request.path):
            return await self._agreement.answer(request)
        if self._notices.is_for(request.path):
            return await self._notices.answer(request)
        if request.path != "/":
            return plain_text(404, "there is nothing here; the ACME directory is at /acme/directory")
        if request.method not in {"GET", "HEAD"}:
            return plain_text(405, "this page can only be read", ("Allow", "GET, HEAD"))
        return plain_text(200, f"soapstone\n{self._page}")

    def refuse(self, refusal: Refusal) -> Reply:
        """In ACME's form: who is not an ACME client can read it too."""
        return self._acme.refuse(refusal)

    def bug_reply(self, reference: str) -> Reply:
        """Our own bug, in ACME's form: who is not an ACME client can read it too."""
        return self._acme.bug_reply(reference)

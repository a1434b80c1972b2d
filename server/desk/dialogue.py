"""The RA's pages: paths to pages, refusals to pages that say them."""

from __future__ import annotations

import html

from ca_core.errors import NotFound, Refusal
from ca_core.staff.role import Actor
from protocols.wire import Reply, Request, plain_text
from server import answers
from server.web import pages

_TITLE = "Registration authority · 註冊中心"
_READ = frozenset({"GET", "HEAD"})


class DeskDialogue:
    """Answers requests whose actor was proved."""

    async def answer(self, request: Request, actor: Actor) -> Reply:
        """Answer one request; every refusal is in the reply."""
        if request.path != "/":
            return self.refuse(NotFound("there is nothing here; begin at /"))
        if request.method not in _READ:
            return plain_text(405, "this page can only be read", ("Allow", "GET, HEAD"))
        name, role, realm = (html.escape(text) for text in (actor.name, actor.role.value, actor.realm))
        return pages.page(
            _TITLE,
            f'<section lang="en"><h1>Registration authority</h1><p>You are <code>{name}</code>,'
            f" <code>{role}</code> in the realm <code>{realm}</code>.</p></section>"
            f'<section lang="zh-Hant"><h1>註冊中心</h1><p>您是 <code>{name}</code>，'
            f"角色 <code>{role}</code>，領域 <code>{realm}</code>。</p></section>",
        )

    def refuse(self, refusal: Refusal) -> Reply:
        """Say what stands against a request."""
        reply = pages.page(
            _TITLE, f"<h1>{html.escape(_TITLE)}</h1><p>{html.escape(str(refusal))}</p>", status=self._status(refusal)
        )
        return Reply(reply.status, (*reply.headers, *answers.headers(refusal)), reply.body)

    @staticmethod
    def _status(refusal: Refusal) -> int:
        # A browser has nothing to answer a challenge with: what it can show is a certificate, and that is TLS's.
        status = answers.TABLE[type(refusal)].status
        return 403 if status == 401 else status  # noqa: PLR2004  # as in the table

"""The subscriber agreement: every version at `/agreement/VERSION`, and at `/agreement?token=...` the one to accept."""

from __future__ import annotations

from urllib.parse import parse_qs

import msgspec
from markupsafe import Markup

from ca_core.errors import Busy, NotFound, Refusal
from ca_core.registration import agreement as agreement_module
from ca_core.registration.agreement import Agreement
from ca_core.store import agreements as published
from ca_core.store.database import Database
from protocols.acme import problems
from protocols.acme.agreements import Agreements
from protocols.acme.links import ACCEPTING, AGREEMENT_PREFIX
from protocols.wire import Reply, Request, plain_text
from server.web.languages import asked, phrase
from server.web.open_pages import OpenPages, wished

_READ = ("GET", "HEAD")
# A version never gets another text, so whoever has it need not ask again.
_CACHE = ("Cache-Control", "public, max-age=86400, immutable")
# The text is the operator's, and the origin is that of other pages: it runs nothing and loads nothing.
_POLICY = (
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)
_LINK = Markup('<a href="{}">{}</a>')


class AgreementPages:
    """The texts, and the page on which an account's holder accepts the one of today."""

    def __init__(self, database: Database, agreements: Agreements, pages: OpenPages) -> None:
        self._database = database
        self._agreements = agreements
        self._pages = pages

    @property
    def addresses(self) -> tuple[tuple[str, str], ...]:
        """What the first page says of it: nothing where there is no agreement."""
        current = self._agreements.current
        return ((phrase("Subscriber agreement"), self._agreements.text_url(current.version)),) if current else ()

    @staticmethod
    def is_for(path: str) -> bool:
        """Whether a path is one of these."""
        return path == ACCEPTING or path.startswith(AGREEMENT_PREFIX)

    async def answer(self, request: Request) -> Reply:
        """Answer one request."""
        is_accepting = request.path == ACCEPTING
        allowed = (*_READ, "POST") if is_accepting else _READ
        if request.method not in allowed:
            return plain_text(405, f"this page answers to {', '.join(allowed)} only", ("Allow", ", ".join(allowed)))
        try:
            return await (self._accepting(request) if is_accepting else self._text(request))
        except Busy as busy:
            return plain_text(503, str(busy), ("Retry-After", str(busy.retry_after_seconds)))
        except Refusal as refusal:
            status = 404 if isinstance(refusal, NotFound) else 403
            help_ = problems.help_path(type(refusal))
            return self._page("agreement_refused.html", request, status=status, detail=str(refusal), help=help_)

    async def _accepting(self, request: Request) -> Reply:
        token = parse_qs(request.query).get("token", [""])[0]
        # Looking is not accepting: mail scanners and previews open every link that they see.
        if request.method == "POST":
            account, current = await self._agreements.accept_by_link(token, source=request.peer.address)
        else:
            account, current = await self._agreements.invited(token)
        return self._page(
            "agreement.html",
            request,
            is_accepted=current.is_accepted(account.accepted),
            acme_account=account.id,
            link=_LINK.format(self._agreements.text_url(current.version), current.version),
        )

    def _page(self, template: str, request: Request, *, status: int = 200, **values: object) -> Reply:
        language, kept = wished(request)
        here, again = request.path, asked(request)
        reply = self._pages.page(template, language, values, here=here, asked_here=again, status=status)
        return msgspec.structs.replace(reply, headers=(*reply.headers, *kept))

    async def _text(self, request: Request) -> Reply:
        found = await self._version(request.path.removeprefix(AGREEMENT_PREFIX))
        if found is None:
            return plain_text(404, "there is no such version; the ACME directory names the one of today")
        tag = f'"{found.sha256}"'
        headers = (("ETag", tag), _CACHE, *_POLICY)
        if_none_match = request.headers.get("if-none-match", "")
        if tag in if_none_match or if_none_match.strip() == "*":
            return Reply(304, headers)
        return Reply(200, (("Content-Type", f"{found.media_type}; charset=utf-8"), *headers), found.text)

    async def _version(self, version: str) -> Agreement | None:
        current = self._agreements.current
        if current is not None and version == current.version:
            return current
        if not agreement_module.is_version(version):
            return None
        async with self._database.read() as tx:
            return await published.by_version(tx, version)

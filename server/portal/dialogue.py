"""The subscriber's pages: paths to pages, refusals to pages that say them."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from ca_core.applicant import Door
from ca_core.errors import NotFound, Refusal
from ca_core.registration.errors import PageOutdated, SessionEnded
from ca_core.registration.form import LANGUAGES
from ca_core.registration.session import Session, Step
from protocols.wire import Reply, Request
from server import answers
from server.portal import cookie
from server.portal.route import PortalRoute
from server.portal.visit import Portal, Visit, see_other
from server.portal.words import ADVICE, WORDS, phrase
from server.web import forms, languages, pages
from server.web.route import allowed, matching

SIGN_IN, PASSWORD = "/sign-in", "/password"
_TITLE = "Certificates · 憑證服務"
_READ = frozenset({"GET", "HEAD"})
_FAILED = phrase("Something failed here.")
_NEXT = phrase("Look whether it was done before you try again, and tell the operator this number:")


class PortalDialogue:
    """Answers whoever comes with a browser.

    Args:
        routes: of which the first one that fits answers.
    """

    def __init__(self, portal: Portal, routes: Sequence[PortalRoute]) -> None:
        self._portal = portal
        self._routes = routes

    def is_for(self, path: str) -> bool:
        """Whether there is a page at a path."""
        return bool(matching(self._routes, path))

    async def answer(self, request: Request) -> Reply:
        """Answer one request; every refusal is in the reply."""
        visit = Visit(request, languages.of(request), self._portal)
        try:
            try:
                visit = replace(visit, session=await self._session(request))
            except Refusal as refusal:
                # Whose holder may not any more: the browser is to come back as nobody.
                return self._refused(visit, refusal, cookie.forgetting())
            return await self._answered(visit)
        except Refusal as refusal:
            return self._refused(visit, refusal)

    def refuse(self, refusal: Refusal) -> Reply:
        """Say what is wrong with a request that could not even be read: in every language."""
        word = answers.TABLE[type(refusal)].word
        sections = (
            _said(language, WORDS[f"refusal.{word}"], f"<p>{_text(language, ADVICE[f'advice.{word}'])}</p>")
            for language in LANGUAGES
        )
        return pages.page(_TITLE, "".join(sections), status=_status(refusal))

    def bug_reply(self, reference: str) -> Reply:
        """The answer for what is our fault, in every language: the number under which it was logged, and no more."""
        number = f"<p><code>{reference}</code></p>"
        sections = (_said(language, _FAILED, f"<p>{_text(language, _NEXT)}</p>{number}") for language in LANGUAGES)
        return pages.page(_TITLE, "".join(sections), status=500)

    async def _session(self, request: Request) -> Session | None:
        token = cookie.token(request)
        if not token.reveal():
            return None
        try:
            return await self._portal.entering.sessions.look(token, door=Door.PORTAL)
        except SessionEnded:
            return None

    async def _answered(self, visit: Visit) -> Reply:
        method = "GET" if visit.request.method in _READ else visit.request.method
        found = matching(self._routes, visit.request.path)
        if not found:
            raise NotFound("there is nothing here; begin at /")
        for route, path in found:
            if route.method == method:
                return await self._handled(visit, route, path)
        others = allowed(route for route, _ in found)
        return self._said(visit, "method-not-allowed", "", ("Allow", others), status=405)

    async def _handled(self, visit: Visit, route: PortalRoute, path: dict[str, str]) -> Reply:
        request, form = visit.request, forms.NOTHING
        if route.method != "POST" and (chosen := visit.query.get(languages.FIELD)) in LANGUAGES:
            rest = {name: value for name, value in visit.query.items() if name != languages.FIELD}
            return see_other(request.path, languages.keeping(chosen), **rest)
        if route.method == "POST" and forms.is_from_elsewhere(request, self._portal.origin):
            raise PageOutdated
        if route.step is not None and (elsewhere := self._way_in(visit, route)) is not None:
            return elsewhere
        if route.method == "POST":
            form = forms.posted(request, with_files=route.takes_files)
            if route.step is not None:
                visit.entered.require_form(form.get(forms.TOKEN))
        return await route.handler(replace(visit, path=path, form=form))

    def _way_in(self, visit: Visit, route: PortalRoute) -> Reply | None:
        """Where somebody goes first who is not as far in as a page asks; None who is."""
        is_read = route.method != "POST"
        if visit.session is None:
            if not is_read:
                raise SessionEnded
            ended = {"why": "ended"} if cookie.token(visit.request).reveal() else {}
            return see_other(SIGN_IN, **ended)
        if route.step is Step.SIGNED_IN and is_read and visit.session.step is Step.CHANGE_PASSWORD:
            return see_other(PASSWORD)
        if route.step is Step.SIGNED_IN:
            visit.session.require_signed_in()
        return None

    def _refused(self, visit: Visit, refusal: Refusal, *headers: tuple[str, str]) -> Reply:
        word = answers.TABLE[type(refusal)].word
        return self._said(visit, word, str(refusal), *answers.headers(refusal), *headers, status=_status(refusal))

    def _said(self, visit: Visit, word: str, detail: str, *headers: tuple[str, str], status: int) -> Reply:
        # From a page that only a form leads to, another language is chosen on the first page.
        can_be_read = any(route.method == "GET" for route, _ in matching(self._routes, visit.request.path))
        said: dict[str, object] = {"here": "/", "asked_here": ""} if not can_be_read else {}
        reply = visit.render("refused.html", status=status, scripts=(), word=word, detail=detail, **said)
        return msgspec.structs.replace(reply, headers=(*reply.headers, *headers))


def _said(language: str, text: str, more: str) -> str:
    """A text, and HTML below it."""
    return f'<section lang="{language}"><h1>{_text(language, text)}</h1>{more}</section>'


def _text(language: str, text: str) -> str:
    return html.escape(languages.texts(language).gettext(text))


def _status(refusal: Refusal) -> int:
    # A browser asks for passwords by itself where it is told 401.
    status = answers.TABLE[type(refusal)].status
    return 403 if status == 401 else status  # noqa: PLR2004  # as in the table

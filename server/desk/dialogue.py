"""The RA's pages: paths to pages, refusals to pages that say them."""

from __future__ import annotations

import html
from collections.abc import Sequence

import msgspec

from ca_core.errors import NotFound, Refusal
from ca_core.registration.form import LANGUAGES
from ca_core.staff.role import Actor
from protocols.wire import Reply, Request
from server import answers
from server.desk import form as form_module
from server.desk.route import Route
from server.desk.visit import Desk, Visit, see_other
from server.desk.words import WORDS
from server.web import languages, pages

_TITLE = "Registration authority · 註冊中心"
_READ = frozenset({"GET", "HEAD"})
_LANGUAGE = "lang"


class DeskDialogue:
    """Answers requests whose actor was proved.

    Args:
        routes: of which the first one that fits answers.
    """

    def __init__(self, desk: Desk, routes: Sequence[Route]) -> None:
        self._desk = desk
        self._routes = routes

    async def answer(self, request: Request, actor: Actor) -> Reply:
        """Answer one request; every refusal is in the reply."""
        visit = Visit(request, actor, languages.of(request), self._desk)
        try:
            return await self._answered(visit)
        except Refusal as refusal:
            return _refused(visit, refusal)

    def refuse(self, refusal: Refusal) -> Reply:
        """Say what stands against a request of whom nobody knows who sent it: in every language."""
        sections = "".join(_section(language, refusal) for language in LANGUAGES)
        reply = pages.page(_TITLE, sections, status=_status(refusal))
        return msgspec.structs.replace(reply, headers=(*reply.headers, *answers.headers(refusal)))

    async def _answered(self, visit: Visit) -> Reply:
        request = visit.request
        method = "GET" if request.method in _READ else request.method
        found = [(route, path) for route in self._routes if (path := route.matched(request.path)) is not None]
        if not found:
            raise NotFound("there is nothing here; begin at /")
        for route, path in found:
            if route.method == method:
                return await self._handled(visit, route, path)
        allowed = ", ".join(sorted({"GET, HEAD" if route.method == "GET" else route.method for route, _ in found}))
        reply = visit.render("refused.html", status=405, word="method-not-allowed", detail="")
        return msgspec.structs.replace(reply, headers=(*reply.headers, ("Allow", allowed)))

    async def _handled(self, visit: Visit, route: Route, path: dict[str, str]) -> Reply:
        request, actor, form = visit.request, visit.actor, form_module.NOTHING
        if route.action is not None:
            actor.require(route.action)
        if route.method == "POST":
            form = form_module.posted(request)
            self._desk.tokens.require(actor, request, form)
        elif (chosen := visit.query.get(_LANGUAGE)) in LANGUAGES:
            rest = {name: value for name, value in visit.query.items() if name != _LANGUAGE}
            return see_other(request.path, languages.keeping(chosen), **rest)
        return await route.handler(Visit(request, actor, visit.language, self._desk, path, form))


def _refused(visit: Visit, refusal: Refusal) -> Reply:
    # Faults that a page has not put beside their fields are its detail.
    word = answers.TABLE[type(refusal)].word
    reply = visit.render("refused.html", status=_status(refusal), word=word, detail=str(refusal))
    return msgspec.structs.replace(reply, headers=(*reply.headers, *answers.headers(refusal)))


def _section(language: str, refusal: Refusal) -> str:
    text = languages.texts(language).gettext(WORDS[f"refusal.{answers.TABLE[type(refusal)].word}"])
    said = html.escape(str(refusal))
    return f'<section lang="{language}"><h1>{html.escape(text)}</h1><p lang="en">{said}</p></section>'


def _status(refusal: Refusal) -> int:
    # A browser has nothing to answer a challenge with: what it can show is a certificate, and that is TLS's.
    status = answers.TABLE[type(refusal)].status
    return 403 if status == 401 else status  # noqa: PLR2004  # as in the table

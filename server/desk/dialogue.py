"""The RA's pages: paths to pages, refusals to pages that say them."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from ca_core.errors import NotFound, Refusal
from ca_core.registration.errors import SecondFactorNeeded
from ca_core.registration.form import LANGUAGES
from ca_core.staff.role import Actor
from protocols import help_address
from protocols.wire import Reply, Request
from server import answers
from server.desk.route import Route
from server.desk.visit import Desk, Visit, see_other
from server.desk.words import WORDS, phrase
from server.web import forms, languages, pages
from server.web.advice import ADVICE
from server.web.route import allowed, matching

_TITLE = "Registration authority · 註冊窗口"
_READ = frozenset({"GET", "HEAD"})
_MORE = '<p><a href="{}">/help/{}</a></p>'
_FAILED = phrase("Something failed here.")
_NEXT = phrase("Look whether it was done before you try again, and tell the operator this number:")


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
            visit = replace(visit, session=await self._desk.entrance.session(actor, request))
            return await self._answered(visit)
        except Refusal as refusal:
            # Faults that a page has not put beside their fields are its detail.
            word, status = answers.TABLE[type(refusal)].word, _status(refusal)
            return self._refused(visit, word, str(refusal), *answers.headers(refusal), status=status)

    def refuse(self, refusal: Refusal) -> Reply:
        """Say what stands against a request of whom nobody knows who sent it: in every language."""
        word = answers.TABLE[type(refusal)].word
        sections = "".join(_section(language, refusal, self._help(word)) for language in LANGUAGES)
        reply = pages.page(_TITLE, sections, status=_status(refusal))
        return msgspec.structs.replace(reply, headers=(*reply.headers, *answers.headers(refusal)))

    def bug_reply(self, reference: str) -> Reply:
        """The answer for what is our fault, in every language: the number under which it was logged, and no more."""
        link = _MORE.format(html.escape(self._help(help_address.INTERNAL_ERROR)), help_address.INTERNAL_ERROR)
        number = f"<p><code>{reference}</code></p>{link}"
        sections = (_said(language, _FAILED, f"<p>{_text(language, _NEXT)}</p>{number}") for language in LANGUAGES)
        return pages.page(_TITLE, "".join(sections), status=500)

    def _help(self, word: str) -> str:
        """Where subscribers and programs are told what to do: at the public listener, which asks for no certificate."""
        return self._desk.office.settings.public + help_address.path(word)

    async def _answered(self, visit: Visit) -> Reply:
        method = "GET" if visit.request.method in _READ else visit.request.method
        found = matching(self._routes, visit.request.path)
        if not found:
            raise NotFound("there is nothing here; begin at /")
        for route, path in found:
            if route.method == method:
                return await self._handled(visit, route, path)
        return self._refused(
            visit, "method-not-allowed", "", ("Allow", allowed(route for route, _ in found)), status=405
        )

    def _refused(self, visit: Visit, word: str, detail: str, *headers: tuple[str, str], status: int) -> Reply:
        # From a page that only a form leads to, another language is chosen on the first page.
        can_be_read = any(route.method == "GET" for route, _ in matching(self._routes, visit.request.path))
        elsewhere = {} if can_be_read else {"here": "/", "asked_here": ""}
        said = {"word": word, "detail": detail, "help": self._help(word), **elsewhere}
        reply = visit.render("refused.html", status=status, is_scripted=False, **said)
        return msgspec.structs.replace(reply, headers=(*reply.headers, *headers))

    async def _handled(self, visit: Visit, route: Route, path: dict[str, str]) -> Reply:
        request, actor, form = visit.request, visit.actor, forms.NOTHING
        # Whoever may not see a page is told so in the language of their choice.
        if route.method != "POST" and (chosen := visit.query.get(languages.FIELD)) in LANGUAGES:
            rest = {name: value for name, value in visit.query.items() if name != languages.FIELD}
            return see_other(request.path, languages.keeping(chosen), **rest)
        if route.action is not None:
            actor.require(route.action)
        if not route.is_entrance:
            try:
                await self._desk.entrance.require(actor, visit.session)
            except SecondFactorNeeded:
                if route.method == "POST":
                    raise
                return see_other("/sign-in")
        if route.method == "POST":
            form = forms.posted(request)
            self._desk.tokens.require(actor, request, form, visit.session)
        return await route.handler(replace(visit, path=path, form=form, is_in=not route.is_entrance))


def _section(language: str, refusal: Refusal, help_: str) -> str:
    word = answers.TABLE[type(refusal)].word
    link = _MORE.format(html.escape(help_), word)
    detail = f'<p>{_text(language, ADVICE[f"advice.{word}"])}</p><p lang="en">{html.escape(str(refusal))}</p>{link}'
    return _said(language, WORDS[f"refusal.{word}"], detail)


def _said(language: str, text: str, more: str) -> str:
    """A text, and HTML below it."""
    return f'<section lang="{language}"><h1>{_text(language, text)}</h1>{more}</section>'


def _text(language: str, text: str) -> str:
    return html.escape(languages.texts(language).gettext(text))


def _status(refusal: Refusal) -> int:
    # A browser has nothing to answer a challenge with: what it can show is a certificate, and that is TLS's.
    status = answers.TABLE[type(refusal)].status
    return 403 if status == 401 else status  # noqa: PLR2004  # as in the table

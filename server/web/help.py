"""Pages that refusals point to: what happened, and what to do now, for whoever sees it.

Each word by which a refusal is known has one (`protocols.help_address`), each problem type of ACME one that leads to
those, and `protocols.acme.links.Help` has topics that need more room. Addresses stay; `texts` has the words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

import msgspec
from markupsafe import Markup, escape

from protocols.acme import problems
from protocols.acme.limits import CHANGES
from protocols.acme.links import Help
from protocols.est import refusals
from protocols.help_address import PREFIX, path, word
from protocols.wire import Reply, Request, plain_text
from server import answers
from server.settings import Settings
from server.web import help_texts, languages
from server.web.advice import ADVICE
from server.web.help_texts import ACME, ACME_PREFIX, GROUPS, Entry
from server.web.languages import phrase
from server.web.open_pages import OpenPages, wished

_CODE = re.compile(r"`([^`]+)`")
_OURS = re.compile(r"/help/[A-Za-z/-]+")
_PARAGRAPH, _HEADING = Markup("<p>{}</p>"), Markup("<h2>{}</h2>")
_READERS_LIST, _READER = Markup('<dl class="facts">{}</dl>'), Markup("<dt>{}</dt><dd>{}</dd>")
_LIST, _ITEM = Markup("<ul>{}</ul>"), Markup('<li><a href="{}">{}</a></li>')
_LINK, _AS_CODE = Markup('<a href="{}">{}</a>'), Markup("<code>{}</code>")
_BY_ACME = Markup('ACME: <a href="{}"><code>{}</code></a> ({})')
_BY_EST, _BY_API = Markup("EST: {}"), Markup("API: <code>{}</code> ({})")
_CACHE = "public, max-age=3600"
# Browsers and what stands between keep a page for readers of its language only.
_VARY = ("Vary", "Accept-Language, Cookie")
_INDEX = phrase("Help")
_ABOUT = phrase("What an answer of this server means, and what to do next.")
_TOPICS = phrase("Topics")
_TYPES = phrase("Problem types of ACME")
_NEXT = phrase("What to do")
_CAUSES = phrase("What may be meant")
_KNOWN = phrase("How programs know it")
_READERS = {
    "subscriber": phrase("Subscribers"),
    "device": phrase("Operators of devices"),
    "client": phrase("Authors of client programs"),
    "office": phrase("At the registration authority"),
}


class Facts(msgspec.Struct, frozen=True):
    """What the pages say of this server.

    Attributes:
        window_days: the setting `renewal.window_days`.
        orders, accounts, failures, pending, paused_after: the settings of `limits`, in their order.
        changes: how often an account may change in an hour.
    """

    window_days: int
    orders: int
    accounts: int
    failures: int
    pending: int
    paused_after: int
    changes: int = CHANGES.burst


def help_facts(settings: Settings) -> Facts:
    """What the pages say of a server with these settings."""
    limits = settings.limits
    return Facts(
        window_days=settings.renewal.window_days,
        orders=limits.orders_per_hour,
        accounts=limits.new_accounts_per_hour,
        failures=limits.failed_probes_per_hour,
        pending=limits.pending_authorizations,
        paused_after=limits.paused_after_failures,
    )


class HelpPages:
    """Every page; each is made when it is first asked for."""

    def __init__(self, facts: Facts, pages: OpenPages) -> None:
        self._facts = msgspec.structs.asdict(facts)
        self._pages = pages
        self._addresses = frozenset(addresses())
        self._made: dict[tuple[str, str], Reply] = {}

    def answer(self, request: Request) -> Reply:
        """The page at a path below `/help/`."""
        if request.path not in self._addresses:
            return plain_text(404, f"there is no such page; {PREFIX} has all that there are")
        if request.method not in {"GET", "HEAD"}:
            return plain_text(405, "this page can only be read", ("Allow", "GET, HEAD"))
        language, kept = wished(request)
        reply = self._page(request.path, language)
        return msgspec.structs.replace(reply, headers=(*reply.headers, *kept))

    def _page(self, address: str, language: str) -> Reply:
        key = address, language
        if key not in self._made:
            title, text = _Writer(language, self._facts).written(address)
            values = {"title": title, "text": text, "index": PREFIX}
            made = self._pages.page("help.html", language, values, here=address, cache=_CACHE)
            self._made[key] = msgspec.structs.replace(made, headers=(*made.headers, _VARY))
        return self._made[key]


def addresses() -> Iterator[str]:
    """The address of every page, in the order of the index."""
    yield PREFIX
    yield from (topic.value for topic in Help)
    yield from (path(name) for group in GROUPS for name in help_texts.entries(group, "en"))
    yield from (ACME_PREFIX + name for name in help_texts.entries(ACME, "en"))


class _Writer:
    """Writes pages in one language."""

    def __init__(self, language: str, facts: Mapping[str, int]) -> None:
        self._language = language
        self._facts = facts
        self._texts = languages.texts(language)

    def written(self, address: str) -> tuple[str, Markup]:
        """The title of a page, and what stands below it."""
        if address == PREFIX:
            return self._texts.gettext(_INDEX), self._index()
        if address in set(Help):
            title, *paragraphs = help_texts.topic(Help(address), self._language, self._facts)
            return title, _joined(_PARAGRAPH.format(_marked(paragraph)) for paragraph in paragraphs)
        if address.startswith(ACME_PREFIX):
            name = address.removeprefix(ACME_PREFIX)
            return name, self._problem_type(name)
        name = address.removeprefix(PREFIX)
        entry = self._entries()[name]
        return entry.title, self._entry(entry, name) + self._known(name)

    def _entry(self, entry: Entry, name: str) -> Markup:
        advice = ADVICE.get(f"advice.{name}", "")
        said: dict[str, str] = {reader: getattr(entry, reader) for reader in _READERS}
        said["office"] = entry.office or self._texts.gettext(advice)
        todo = _joined(
            _READER.format(self._texts.gettext(label), _marked(said[reader]))
            for reader, label in _READERS.items()
            if said[reader]
        )
        return _PARAGRAPH.format(_marked(entry.happened)) + (
            self._heading(_NEXT) + _READERS_LIST.format(todo) if todo else Markup()
        )

    def _problem_type(self, name: str) -> Markup:
        causes = dict.fromkeys(
            problems.help_path(leaf) for leaf, answer in problems.TABLE.items() if answer.type == name
        )
        entry = self._entry(help_texts.entries(ACME, self._language)[name], "")
        return entry + self._heading(_CAUSES) + self._linked(list(causes)) if causes else entry

    def _known(self, name: str) -> Markup:
        """By what programs tell this refusal from others."""
        acme = dict.fromkeys(answer for leaf, answer in problems.TABLE.items() if word(leaf) == name)
        est = dict.fromkeys(status for leaf, status in refusals.TABLE.items() if word(leaf) == name)
        api = dict.fromkeys(answer for answer in answers.TABLE.values() if answer.word == name)
        told = [
            *(_BY_ACME.format(ACME_PREFIX + one.type, one.type, one.status) for one in acme),
            *(_BY_EST.format(status) for status in est),
            *(_BY_API.format(one.word, one.status) for one in api),
        ]
        return self._heading(_KNOWN) + _PARAGRAPH.format(Markup(", ").join(told)) if told else Markup()

    def _index(self) -> Markup:
        sections: list[tuple[str, Sequence[str]]] = [
            (_TOPICS, [topic.value for topic in Help]),
            *((label, [path(name) for name in help_texts.entries(group, "en")]) for group, label in GROUPS.items()),
            (_TYPES, [ACME_PREFIX + name for name in help_texts.entries(ACME, "en")]),
        ]
        lists = _joined(self._heading(label) + self._linked(found) for label, found in sections)
        return _PARAGRAPH.format(self._texts.gettext(_ABOUT)) + lists

    def _linked(self, found: Sequence[str]) -> Markup:
        return _LIST.format(_joined(_ITEM.format(address, self._title(address)) for address in found))

    def _title(self, address: str) -> str:
        if address in set(Help):
            return help_texts.topic(Help(address), self._language, self._facts)[0]
        if address.startswith(ACME_PREFIX):
            return address.removeprefix(ACME_PREFIX)
        return self._entries()[address.removeprefix(PREFIX)].title

    def _entries(self) -> Mapping[str, Entry]:
        return dict(chain.from_iterable(help_texts.entries(group, self._language).items() for group in GROUPS))

    def _heading(self, text: str) -> Markup:
        return _HEADING.format(self._texts.gettext(text))


def _marked(text: str) -> Markup:
    """A text as HTML: what is between backticks is code, or a link where it is one of our addresses."""
    # Code stands at every second place.
    pieces = enumerate(_CODE.split(text))
    return _joined(_shown(piece) if place % 2 else escape(piece) for place, piece in pieces)


def _shown(code: str) -> Markup:
    return _LINK.format(code, code) if _OURS.fullmatch(code) else _AS_CODE.format(code)


def _joined(pieces: Iterable[Markup]) -> Markup:
    return Markup().join(pieces)

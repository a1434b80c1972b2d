"""Pages that refusals point to: what happened, and what to do now, for whoever sees it.

Each word by which a refusal is known has one (`protocols.help_address`), each problem type of ACME one that leads to
those, and `protocols.acme.links.Help` has topics that need more room. Addresses stay; `texts` has the words.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from urllib.parse import parse_qs

import msgspec

from ca_core.registration.form import LANGUAGES
from protocols.acme import problems
from protocols.acme.limits import CHANGES
from protocols.acme.links import Help
from protocols.est import refusals
from protocols.help_address import PREFIX, path, word
from protocols.wire import Reply, Request, plain_text
from server import answers
from server.settings import Settings
from server.web import help_texts, languages, pages
from server.web.advice import ADVICE
from server.web.help_texts import ACME, ACME_PREFIX, GROUPS, Entry
from server.web.languages import phrase

_CODE = re.compile(r"`([^`]+)`")
_OURS = re.compile(r"/help/[A-Za-z/-]+")
_CACHE = "public, max-age=3600"
# Browsers and what stands between keep a page for readers of its language only.
_VARY = ("Vary", "Accept-Language, Cookie")
_NAMES: Mapping[str, str] = {"en": "English", "zh-Hant": "繁體中文"}
_INDEX = phrase("Help")
_ABOUT = phrase("What an answer of this server means, and what to do next.")
_TOPICS = phrase("Topics")
_TYPES = phrase("Problem types of ACME")
_NEXT = phrase("What to do")
_CAUSES = phrase("What may be meant")
_KNOWN = phrase("How programs know it")
_ALL = phrase("All pages that help")
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

    def __init__(self, facts: Facts) -> None:
        self._facts = msgspec.structs.asdict(facts)
        self._addresses = frozenset(addresses())
        self._made: dict[tuple[str, str], Reply] = {}

    def answer(self, request: Request) -> Reply:
        """The page at a path below `/help/`."""
        if request.path not in self._addresses:
            return plain_text(404, f"there is no such page; {PREFIX} has all that there are")
        if request.method not in {"GET", "HEAD"}:
            return plain_text(405, "this page can only be read", ("Allow", "GET, HEAD"))
        chosen = parse_qs(request.query).get("lang", [""])[0]
        if chosen in LANGUAGES:
            reply = self._page(request.path, chosen)
            return msgspec.structs.replace(reply, headers=(*reply.headers, languages.keeping(chosen)))
        return self._page(request.path, languages.of(request))

    def _page(self, address: str, language: str) -> Reply:
        key = address, language
        if key not in self._made:
            self._made[key] = _Writer(language, self._facts).page(address)
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

    def page(self, address: str) -> Reply:
        title, main = self._written(address)
        other = "".join(
            f'<a href="?lang={one}" lang="{one}" hreflang="{one}">{_NAMES[one]}</a> '
            for one in LANGUAGES
            if one != self._language
        )
        index = "" if address == PREFIX else f'<p><a href="{PREFIX}">{self._say(_ALL)}</a></p>'
        shown = f"<h1>{html.escape(title)}</h1>{main}{index}<footer><p>{other}</p></footer>"
        reply = pages.page(title, shown, cache=_CACHE, language=self._language)
        return msgspec.structs.replace(reply, headers=(*reply.headers, _VARY))

    def _written(self, address: str) -> tuple[str, str]:
        """A title, and HTML."""
        if address == PREFIX:
            return self._texts.gettext(_INDEX), self._index()
        if address in set(Help):
            title, *paragraphs = help_texts.topic(Help(address), self._language, self._facts)
            return title, "".join(f"<p>{_marked(paragraph)}</p>" for paragraph in paragraphs)
        if address.startswith(ACME_PREFIX):
            name = address.removeprefix(ACME_PREFIX)
            return name, self._problem_type(name)
        name = address.removeprefix(PREFIX)
        entry = self._entries()[name]
        return entry.title, self._entry(entry, name) + self._known(name)

    def _entry(self, entry: Entry, name: str) -> str:
        advice = ADVICE.get(f"advice.{name}", "")
        said = {
            **{reader: getattr(entry, reader) for reader in _READERS},
            "office": entry.office or self._texts.gettext(advice),
        }
        todo = "".join(
            f"<h3>{self._say(label)}</h3><p>{_marked(said[reader])}</p>"
            for reader, label in _READERS.items()
            if said[reader]
        )
        return f"<p>{_marked(entry.happened)}</p>" + (f"<h2>{self._say(_NEXT)}</h2>{todo}" if todo else "")

    def _problem_type(self, name: str) -> str:
        causes = dict.fromkeys(
            problems.help_path(leaf) for leaf, answer in problems.TABLE.items() if answer.type == name
        )
        entry = self._entry(help_texts.entries(ACME, self._language)[name], "")
        if not causes:
            return entry
        return f"{entry}<h2>{self._say(_CAUSES)}</h2>{self._linked(list(causes))}"

    def _known(self, name: str) -> str:
        """By what programs tell this refusal from others."""
        acme = dict.fromkeys(answer for leaf, answer in problems.TABLE.items() if word(leaf) == name)
        est = dict.fromkeys(status for leaf, status in refusals.TABLE.items() if word(leaf) == name)
        api = dict.fromkeys(answer for answer in answers.TABLE.values() if answer.word == name)
        told = [
            *(f'ACME: <a href="{ACME_PREFIX}{one.type}"><code>{one.type}</code></a> ({one.status})' for one in acme),
            *(f"EST: {status}" for status in est),
            *(f"API: <code>{one.word}</code> ({one.status})" for one in api),
        ]
        return f"<h2>{self._say(_KNOWN)}</h2><p>{', '.join(told)}</p>" if told else ""

    def _index(self) -> str:
        sections: list[tuple[str, Sequence[str]]] = [
            (_TOPICS, [topic.value for topic in Help]),
            *((label, [path(name) for name in help_texts.entries(group, "en")]) for group, label in GROUPS.items()),
            (_TYPES, [ACME_PREFIX + name for name in help_texts.entries(ACME, "en")]),
        ]
        lists = (f"<h2>{self._say(label)}</h2>{self._linked(found)}" for label, found in sections)
        return f"<p>{self._say(_ABOUT)}</p>{''.join(lists)}"

    def _linked(self, found: Sequence[str]) -> str:
        items = (f'<li><a href="{address}">{html.escape(self._title(address))}</a></li>' for address in found)
        return f"<ul>{''.join(items)}</ul>"

    def _title(self, address: str) -> str:
        if address in set(Help):
            return help_texts.topic(Help(address), self._language, self._facts)[0]
        if address.startswith(ACME_PREFIX):
            return address.removeprefix(ACME_PREFIX)
        return self._entries()[address.removeprefix(PREFIX)].title

    def _entries(self) -> Mapping[str, Entry]:
        return dict(chain.from_iterable(help_texts.entries(group, self._language).items() for group in GROUPS))

    def _say(self, text: str) -> str:
        return html.escape(self._texts.gettext(text))


def _marked(text: str) -> str:
    """A text as HTML: what is between backticks is code, or a link where it is one of our addresses."""

    def shown(found: re.Match[str]) -> str:
        code = found[1]
        return f'<a href="{code}">{code}</a>' if _OURS.fullmatch(code) else f"<code>{code}</code>"

    return _CODE.sub(shown, html.escape(text))

"""Pages that problem documents and objects of protocols point to: what happened, and what to do now.

`protocols.acme.links.Help` has the addresses. The words are in `texts`, one file for each page and language: the title,
and paragraphs with blank lines between them, `code` between backticks and facts between braces.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from importlib import resources

import msgspec

from protocols.acme.limits import CHANGES
from protocols.acme.links import Help
from protocols.wire import Reply, plain_text
from server.settings import Settings
from server.web import pages

PREFIX = "/help/"
LANGUAGES = ("en", "zh-Hant")
_CODE = re.compile(r"`([^`]+)`")
_CACHE = "public, max-age=3600"


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
    """Every page, made once."""

    def __init__(self, facts: Facts) -> None:
        values = msgspec.structs.asdict(facts)
        self._replies = {topic.value: _page(topic, values) for topic in Help}

    def answer(self, method: str, path: str) -> Reply:
        """The page at a path below `/help/`."""
        reply = self._replies.get(path)
        if reply is None:
            return plain_text(404, f"there is no such page; there are {', '.join(self._replies)}")
        if method not in {"GET", "HEAD"}:
            return plain_text(405, "this page can only be read", ("Allow", "GET, HEAD"))
        return reply


def _page(topic: Help, values: Mapping[str, int]) -> Reply:
    texts = [_paragraphs(topic, language, values) for language in LANGUAGES]
    sections = "".join(_section(*pair) for pair in zip(LANGUAGES, texts, strict=True))
    return pages.page(" · ".join(text[0] for text in texts), sections, cache=_CACHE)


def _paragraphs(topic: Help, language: str, values: Mapping[str, int]) -> list[str]:
    """The title and what follows it."""
    file = resources.files("server.web") / "texts" / f"{topic.removeprefix(PREFIX)}.{language}.txt"
    return file.read_text("utf-8").format_map(values).strip().split("\n\n")


def _section(language: str, text: list[str]) -> str:
    title, *paragraphs = text
    shown = "".join(f"<p>{_marked(paragraph)}</p>" for paragraph in paragraphs)
    return f'<section lang="{language}"><h1>{html.escape(title)}</h1>{shown}</section>'


def _marked(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", html.escape(text))

"""Pages that problem documents and objects of protocols point to: what happened, and what to do now.

`protocols.acme.links.Help` has the addresses. The words are in `texts`, one file for each page and language: the title,
and paragraphs with blank lines between them, `code` between backticks and facts between braces.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Mapping
from importlib import resources

import msgspec

from protocols.acme.links import Help
from protocols.wire import Reply, plain_text
from server.settings import Settings

PREFIX = "/help/"
LANGUAGES = ("en", "zh-Hant")
_CODE = re.compile(r"`([^`]+)`")
_STYLE = (
    "body{font:16px/1.6 system-ui,sans-serif;max-width:42em;margin:2em auto;padding:0 1em;color:#222;background:#fff}"
    "code{background:#eee;padding:0 .2em}section+section{border-top:1px solid #ccc;margin-top:2em}"
)
_STYLE_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    "default-src 'none'",
    f"style-src 'sha256-{_STYLE_DIGEST}'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)
_HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Language", "en, zh-Hant"),
    ("Cache-Control", "public, max-age=3600"),
    ("Content-Security-Policy", "; ".join(_POLICY)),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)


class Facts(msgspec.Struct, frozen=True):
    """What the pages say of this server.

    Attributes:
        window_days: the setting `renewal.window_days`.
        orders, accounts, failures, pending, paused_after: the settings of `limits`, in their order.
    """

    window_days: int
    orders: int
    accounts: int
    failures: int
    pending: int
    paused_after: int


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
        self._replies = {topic.value: Reply(200, _HEADERS, _document(topic, values)) for topic in Help}

    def answer(self, method: str, path: str) -> Reply:
        """The page at a path below `/help/`."""
        reply = self._replies.get(path)
        if reply is None:
            return plain_text(404, f"there is no such page; there are {', '.join(self._replies)}")
        if method not in {"GET", "HEAD"}:
            return plain_text(405, "this page can only be read", ("Allow", "GET, HEAD"))
        return reply


def _document(topic: Help, values: Mapping[str, int]) -> bytes:
    texts = [_paragraphs(topic, language, values) for language in LANGUAGES]
    title = " · ".join(html.escape(text[0]) for text in texts)
    sections = "".join(_section(*pair) for pair in zip(LANGUAGES, texts, strict=True))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
        f"<style>{_STYLE}</style></head><body><main>{sections}</main></body></html>\n"
    ).encode()


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

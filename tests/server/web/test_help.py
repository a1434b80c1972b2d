"""Pages that problem documents point to."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib import resources

import pytest

from protocols.acme.links import Help
from protocols.wire import Reply
from server.web.help import LANGUAGES, Facts, HelpPages

PAGES_OF_OURS = HelpPages(Facts(29, orders=7001, accounts=7002, failures=7003, pending=7004, paused_after=705))


def header(reply: Reply, name: str) -> str:
    return dict(reply.headers)[name]


def test_every_page_that_can_be_linked_has_words_and_no_other_has() -> None:
    wanted = {f"{topic.removeprefix('/help/')}.{language}.txt" for topic in Help for language in LANGUAGES}

    # Folders beside them are other pages' and letters'.
    there = {file.name for file in (resources.files("server.web") / "texts").iterdir() if file.is_file()}

    assert there == wanted


@pytest.mark.parametrize("topic", Help)
def test_a_page_speaks_both_languages(topic: Help) -> None:
    reply = PAGES_OF_OURS.answer("GET", topic.value)

    text = reply.body.decode()
    assert reply.status == 200
    assert header(reply, "Content-Type") == "text/html; charset=utf-8"
    assert '<section lang="en"><h1>' in text
    assert '<section lang="zh-Hant"><h1>' in text
    assert "{" not in text.partition("</style>")[2]
    assert "`" not in text


def test_a_page_says_what_holds_on_this_server() -> None:
    limits = PAGES_OF_OURS.answer("GET", Help.RATE_LIMITS.value).body.decode()
    assert PAGES_OF_OURS.answer("GET", Help.RENEWAL.value).body.decode().count("29") == 2
    assert PAGES_OF_OURS.answer("GET", Help.PAUSED.value).body.decode().count("705") == 2
    assert [limits.count(number) for number in ("7,001", "7,002", "7,003", "7,004")] == [2, 2, 2, 2]


def test_a_page_may_be_kept_and_can_run_nothing() -> None:
    reply = PAGES_OF_OURS.answer("HEAD", Help.PAUSED.value)

    style = re.search(r"<style>(.*)</style>", reply.body.decode())
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = header(reply, "Content-Security-Policy")
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert header(reply, "Cache-Control") == "public, max-age=3600"
    assert header(reply, "X-Content-Type-Options") == "nosniff"


def test_what_is_no_page_says_which_there_are() -> None:
    reply = PAGES_OF_OURS.answer("GET", "/help/<script>")

    assert reply.status == 404
    assert b"/help/renewal" in reply.body
    assert b"<script>" not in reply.body


def test_a_page_can_only_be_read() -> None:
    reply = PAGES_OF_OURS.answer("POST", Help.TERMS.value)

    assert (reply.status, header(reply, "Allow")) == (405, "GET, HEAD")

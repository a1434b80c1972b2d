"""Which language a page is in."""

from __future__ import annotations

import pytest

from protocols.wire import Peer, Request
from server.web import languages


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh-Hant"),
        ("en;q=0.8, ZH-hant;q=0.9", "zh-Hant"),
        ("en-GB, zh;q=0.9", "en"),
        ("de, fr;q=0.9, zh;q=0.1", "zh-Hant"),
        ("de", "en"),
        ("zh;q=0, en;q=0.1", "en"),
        ("zh;q=0", "en"),
        ("zh;q=nan", "en"),
        ("zh;q=x", "en"),
        ("*", "en"),
        (";;;=,,q=1", "en"),
        ("de," * 1000 + "zh", "en"),
    ],
)
def test_a_browser_gets_what_it_likes_best(header: str, language: str) -> None:
    assert languages.preferred(header) == language


@pytest.mark.parametrize(
    ("cookie", "language"),
    [
        ("__Host-lang=zh-Hant", "zh-Hant"),
        ("a=b; __Host-lang=zh-Hant", "zh-Hant"),
        ("lang=zh-Hant", "en"),
        ("__Host-lang=zh-Hant-x", "en"),
        ("__Host-lang", "en"),
        (";=;;", "en"),
    ],
)
def test_what_was_chosen_counts_more(cookie: str, language: str) -> None:
    request = Request("GET", "/", {"cookie": cookie, "accept-language": "en"}, b"", Peer("192.0.2.1"))

    assert languages.of(request) == language


def test_what_is_counted_has_one_form_in_chinese() -> None:
    texts = languages.Texts({"%(n)s day": "%(n)s \u5929"})

    assert [texts.ngettext("%(n)s day", "%(n)s days", n) for n in (1, 2)] == ["%(n)s \u5929"] * 2
    assert [texts.ngettext("one", "many", n) for n in (1, 2)] == ["one", "many"]

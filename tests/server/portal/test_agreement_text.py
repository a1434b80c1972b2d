from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ca_core.registration.agreement import HTML, PLAIN_TEXT, agreement
from server.portal.agreement_text import paragraphs


def read(text: str, media_type: str) -> tuple[str, ...]:
    return paragraphs(agreement("1", text.encode(), media_type, "test"))


def test_plain_text_falls_into_paragraphs_at_empty_lines() -> None:
    assert read("One\r\nline.\r\n\r\n\r\nTwo <b>.\n", PLAIN_TEXT) == ("One\nline.", "Two <b>.")


def test_of_html_the_text_alone_is_read() -> None:
    page = (
        "<!doctype html><html><head><title>T</title><style>p{}</style></head><body><h1>Terms &amp; such</h1>"
        "<p>You <b>keep</b>\n your key.<br>Always.</p><script>steal('<p>')</script><ul><li>One<li>Two</ul></body>"
    )

    assert read(page, HTML) == ("Terms & such", "You keep your key.", "Always.", "One", "Two")


@given(st.text(min_size=1).filter(str.strip))
def test_any_text_is_read(text: str) -> None:
    octets = text.encode("utf-8", "replace")

    assert all(paragraphs(agreement("1", octets, HTML, "test")))

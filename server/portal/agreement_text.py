"""The subscriber agreement as plain paragraphs: whatever form it was published in, it is read on the page itself."""

from __future__ import annotations

from functools import lru_cache
from html.parser import HTMLParser

from ca_core.registration.agreement import HTML, Agreement

_BLOCKS = frozenset(
    {
        *("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "footer", "header", "hr", "li"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "main", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul"),
    }
)
_UNSEEN = frozenset({"head", "script", "style", "template", "title"})


# Read once, and not again for each page: it may have a megabyte.
@lru_cache(maxsize=4)
def paragraphs(agreement: Agreement) -> tuple[str, ...]:
    """Its text, paragraph by paragraph; of HTML nothing but the text."""
    text = agreement.text.decode()
    if agreement.media_type != HTML:
        return tuple(filter(None, map(str.strip, text.replace("\r\n", "\n").split("\n\n"))))
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader.paragraphs()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._pieces = [""]
        self._hidden = 0

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in _UNSEEN
        self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in _UNSEEN))
        self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._pieces[-1] += data

    def paragraphs(self) -> tuple[str, ...]:
        return tuple(filter(None, (" ".join(piece.split()) for piece in self._pieces)))

    def _break(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._pieces.append("")

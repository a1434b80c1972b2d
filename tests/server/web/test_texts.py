"""Pages speak two languages whole: no text stands bare in a template, and none lacks its Chinese."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes
from jinja2.ext import extract_from_ast

from server import answers
from server.desk import words
from server.web.advice import ADVICE
from tests.architecture.house import ROOT

TEMPLATES = sorted(
    path for room in ("desk", "portal") for path in (ROOT / "server" / room / "templates").glob("*.html")
)
CATALOGS = sorted((ROOT / "server" / "web" / "locale" / "zh_Hant" / "LC_MESSAGES").glob("*.po"))
# Attributes that are read aloud, or shown.
SPOKEN = frozenset({"alt", "aria-description", "aria-label", "content", "placeholder", "summary", "title"})
# What a page says of itself to programs.
MACHINES = frozenset({"width=device-width, initial-scale=1", "noindex"})
VALUE = "\0"
HOLE = re.compile(r"%\(\w+\)s")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
# The same in both languages: a technical word, or an example of what is typed.
ALIKE = frozenset({"URIs"})
COMMANDS = frozenset({"soapstone officer add", "soapstone officer forget-passkeys", "soapstone officer passkey-code"})


class Text(HTMLParser):
    """What a page says, with nothing in the place of values."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._in_code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_code += tag == "code"
        self.said += [value or "" for name, value in attrs if name in SPOKEN and value not in MACHINES]

    def handle_endtag(self, tag: str) -> None:
        self._in_code -= tag == "code"

    def handle_data(self, data: str) -> None:
        if data.strip() not in COMMANDS or not self._in_code:
            self.said.append(data)


def environment() -> Environment:
    made = Environment(autoescape=True, extensions=["jinja2.ext.i18n"], trim_blocks=True, lstrip_blocks=True)
    made.policies["ext.i18n.trimmed"] = True
    return made


def bare(source: str) -> list[str]:
    """The texts of a template that nothing translates."""
    pieces: list[str] = []
    for output in environment().parse(source).find_all(nodes.Output):
        pieces += [part.data if isinstance(part, nodes.TemplateData) else VALUE for part in output.nodes]
    parser = Text()
    parser.feed("".join(pieces))
    parser.close()
    return [text.strip() for text in parser.said if re.search(r"\w", text)]


def in_templates() -> Iterator[str]:
    for template in TEMPLATES:
        for _, _, message in extract_from_ast(environment().parse(template.read_text("utf-8"))):
            # A label that was handed over is looked for where it is marked.
            yield from [message] if isinstance(message, str) else filter(None, message or ())


def in_code() -> Iterator[str]:
    for room in ("desk", "portal", "web"):
        yield from in_room(room)


def in_room(room: str) -> Iterator[str]:
    for path in sorted((ROOT / "server" / room).rglob("*.py")):
        for found in extract_python(BytesIO(path.read_bytes()), {"phrase": None, "say": None}, [], {}):
            # A text where there is one, whatever its type says.
            message: Any = found[2]
            yield from [message] if isinstance(message, str) else message


def catalog(path: Path) -> dict[str, str]:
    found = {}
    for message in read_po(BytesIO(path.read_bytes())):
        assert isinstance(message.id, str)
        assert isinstance(message.string, str)
        assert not message.fuzzy, message.id
        if message.id:
            found[message.id] = message.string
    return found


def wanted() -> set[str]:
    return {*in_templates(), *in_code()}


def translated() -> dict[str, str]:
    return {english: chinese for path in CATALOGS for english, chinese in catalog(path).items()}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: f"{path.parts[-3]}-{path.name}")
def test_no_text_stands_bare_in_a_template(template: Path) -> None:
    assert bare(template.read_text("utf-8")) == []


def test_every_text_has_its_chinese() -> None:
    found = translated()

    assert sorted(text for text in wanted() if not found.get(text)) == []


def test_no_catalog_has_a_text_that_no_page_says() -> None:
    assert sorted(set(translated()) - wanted()) == []


def test_catalogs_agree_where_two_have_a_text() -> None:
    found: dict[str, set[str]] = {}
    for path in CATALOGS:
        for english, chinese in catalog(path).items():
            found.setdefault(english, set()).add(chinese)

    assert {english: texts for english, texts in found.items() if len(texts) > 1} == {}


def test_a_text_holds_the_same_values_in_both_languages() -> None:
    odd = {
        english: chinese
        for english, chinese in translated().items()
        if sorted(HOLE.findall(english)) != sorted(HOLE.findall(chinese))
    }

    assert odd == {}


def test_chinese_is_chinese() -> None:
    same = [
        english
        for english, chinese in translated().items()
        if english not in ALIKE and not english.startswith("Such as") and not CHINESE.search(chinese)
    ]

    assert same == []


def test_bare_text_is_seen() -> None:
    source = '<p title="Two">{{ _("fine") }} One</p>{% if x %}<img alt="Three">{% endif %}<code>four</code>'

    assert bare(source) == ["Two", f"{VALUE} One", "Three", "four"]


def test_every_answer_of_the_desk_has_words() -> None:
    known = {f"refusal.{answer.word}" for answer in answers.TABLE.values()}

    assert known - set(words.REFUSALS) == set()


def test_every_refusal_says_what_to_do_next() -> None:
    assert {name.removeprefix("refusal.") for name in words.REFUSALS} == {
        name.removeprefix("advice.") for name in ADVICE
    }

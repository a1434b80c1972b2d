"""Chinese as Taiwan's public sector writes it: one word for one thing, and its own punctuation."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.house import ROOT
from tests.server.web.test_texts import CATALOGS, translated

OTHERS = (
    *sorted((ROOT / "server" / "web" / "texts").rglob("*zh-Hant*")),
    ROOT / "server" / "sheets" / "template.typ",
    ROOT / "server" / "appointments.py",
    ROOT / "ca_core" / "registration" / "sheet.py",
)
INSTEAD = {
    "密碼函": "密碼單",
    "註冊中心": "註冊窗口",
    "憑證樣式": "憑證類別",
    "憑證類型": "憑證類別",
    "廢止清單": "廢止清冊",
    "撤銷": "廢止",
    "吊銷": "廢止",
    "續期": "展期",
    "更新憑證": "展期",
    "憑證更新": "展期",
    "私鑰": "私密金鑰",
    "通行密鑰": "通行金鑰",
    "憑證申請檔": "憑證請求檔",
    "ACME 帳戶": "ACME 帳號",
    "設備": "裝置",
    "客戶端": "用戶端",
    "默認": "預設",
    "服務器": "伺服器",
    "支持": "支援",
}
"""What is not said here, and what is said in its place."""
TAB = "憑證展期(更新)"
"""What the subscriber's manual calls the tab."""
WIDE = r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]"
HALF_WIDE = re.compile(rf"{WIDE}[,;:!?()](?!\w+=)|[;!?()]{WIDE}|\.\.\.(?!）)|{WIDE}\.(?:\s|$)|{WIDE} {WIDE}")
MARKED = re.compile("[\uff0c\u3002\uff1b\uff1a]$")
"""It ends with a mark of Chinese."""


def texts() -> Iterator[tuple[str, str]]:
    """All Chinese texts, and where each is."""
    yield from ((english, chinese) for english, chinese in translated().items() if chinese != TAB)
    for path in OTHERS:
        for line in path.read_text("utf-8").splitlines():
            yield path.name, line


@pytest.mark.parametrize("word", INSTEAD)
def test_one_thing_has_one_word(word: str) -> None:
    assert [(place, text) for place, text in texts() if word in text] == [], f"say {INSTEAD[word]}"


def test_marks_beside_chinese_are_chinese() -> None:
    assert [(english, text) for english, text in translated().items() if text != TAB and HALF_WIDE.search(text)] == []


def test_a_sentence_ends_as_its_source_does() -> None:
    ends = {".": "\u3002", ":": "\uff1a"}
    marked = [(english, chinese) for english, chinese in translated().items() if MARKED.search(chinese)]

    assert [(one, text) for one, text in marked if text[-1] != ends.get(one[-1], text[-1])] == []


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.name)
def test_a_catalog_has_each_text_once_and_no_draft(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()

    found = Counter(line for line in lines if line.startswith("msgid ") and line != 'msgid ""')

    assert [line for line, times in found.items() if times > 1] == []
    assert [line for line in lines if line.startswith(("#,", "#~"))] == []

"""What docs/guides/subscriber.md calls things is what the pages call them, in both languages."""

from __future__ import annotations

import re

from server.portal.routes import TABS
from server.web import languages
from tests.architecture.house import ROOT

GUIDE = (ROOT / "docs" / "guides" / "subscriber.md").read_text("utf-8")
CHINESE = languages.texts("zh-Hant")
_ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \|$", re.MULTILINE)
# Such as *Renew certificates* (憑證展期(更新)).
_PAIR = re.compile(r"\*{1,2}([A-Z][^*]*)\*{1,2} \(([\u4e00-\u9fff]+(?:\([^)]*\))?)\)")


def test_the_guide_lists_the_pages_in_their_order_by_their_names() -> None:
    table = GUIDE.partition("| page | 頁籤 |")[2].partition("\n\n")[0]

    assert [row.groups() for row in _ROW.finditer(table)] == [(tab.label, CHINESE.gettext(tab.label)) for tab in TABS]


def test_whatever_has_its_chinese_beside_it_is_called_so_on_a_page() -> None:
    pairs = _PAIR.findall(GUIDE)

    assert len(pairs) > len(TABS) // 2
    assert [(english, CHINESE.gettext(english)) for english, _ in pairs] == pairs

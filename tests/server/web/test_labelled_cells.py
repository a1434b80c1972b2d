"""On a narrow screen a cell stands below what its column is called: by its own label, which is the column's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.house import ROOT

TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
COLUMN = re.compile(r'<th scope="col">\{\{ _\("(.*?)"\) \}\}</th>')
LABEL = re.compile(r'data-label="\{\{ _\("(.*?)"\) \}\}"')
CELL = re.compile(r'<td\b[^>]*>|<th scope="row"[^>]*>')
TEMPLATES = [
    path
    for path in sorted((ROOT / "server" / "portal" / "templates").glob("*.html"))
    if TABLE.search(path.read_text("utf-8"))
]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_cell_is_labelled_as_its_column(template: Path) -> None:
    for table in TABLE.findall(template.read_text("utf-8")):
        assert LABEL.findall(table) == COLUMN.findall(table)
        assert len(CELL.findall(table)) == len(LABEL.findall(table))

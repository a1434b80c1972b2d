"""Every demand of a standard has a test, or a reason why it has none (conformance/clauses)."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from conformance.clauses import MUSTS, SHOULDS, Clause, Standard, existing_tests, missing_tests, standards
from tests.architecture.house import ROOT, syntax_trees

NOT_OFFERED = re.compile(r"Not offered: (/\w+(?:/\w+)?|PKCS #12)")
# What a server of 2008 was to do and ours does not, on purpose; each row says why, and so does decision 036.
WAVED = ("4-i", *(f"4.1-{letter}" for letter in ("a", "b", "d", "f", "w", "z", "aa")))
LISTED = re.compile(r"\btest_(?!acme_)\w+\b(?!\.py)")
STANDARDS = standards()
BINDS = {"server", "client", "others"}
ID = re.compile(r"(\d+(?:\.\d+)*)-([a-z]{1,2})")
RUNNING = [*"abcdefghijklmnopqrstuvwxyz", *(f"a{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")]

each_standard = pytest.mark.parametrize("standard", STANDARDS, ids=[f"rfc{one.rfc}" for one in STANDARDS])


@each_standard
def test_each_clause_names_tests_that_exist(standard: Standard) -> None:
    assert {clause.id: missing for clause in standard.clause if (missing := missing_tests(clause))} == {}


@each_standard
def test_each_clause_has_tests_or_a_reason_and_not_both(standard: Standard) -> None:
    assert [clause.id for clause in standard.clause if bool(clause.tests) is bool(clause.not_applicable)] == []


@each_standard
def test_each_clause_is_one_of_its_section_and_letters_run(standard: Standard) -> None:
    sections: dict[str, list[str]] = {}
    for clause in standard.clause:
        found = ID.fullmatch(clause.id)
        assert found, clause.id
        assert found[1] == clause.section, clause.id
        sections.setdefault(clause.section, []).append(found[2])

    assert {section: letters for section, letters in sections.items() if letters != RUNNING[: len(letters)]} == {}


@each_standard
def test_each_clause_has_a_level_and_somebody_whom_it_binds(standard: Standard) -> None:
    assert [one.id for one in standard.clause if one.level not in MUSTS | SHOULDS or one.binds not in BINDS] == []


@each_standard
def test_each_clause_is_said_once_and_shortly(standard: Standard) -> None:
    said = Counter(clause.says for clause in standard.clause)

    assert [text for text, times in said.items() if times > 1 or not 10 < len(text) <= 200] == []


def test_every_standard_is_there_and_says_whether_it_is_whole() -> None:
    acme = dict.fromkeys([8555, 8657, 8659, 8737, 8738, 9773], True)
    est = dict.fromkeys([5929, 7030, 7894, 8295, 8951, 9266], True) | {9908: False}
    cmc = dict.fromkeys([5272, 5274, 6402], True)

    assert {standard.rfc: standard.complete for standard in STANDARDS} == acme | cmc | est


def test_a_demand_on_the_server_is_seldom_waved_away() -> None:
    waved = [
        f"RFC {standard.rfc}, {clause.id}"
        for standard in STANDARDS
        for clause in standard.clause
        if clause.binds == "server" and clause.level in MUSTS and clause.not_applicable
        if not NOT_OFFERED.match(clause.not_applicable)
    ]

    assert waved == [f"RFC 5274, {clause}" for clause in WAVED]


def test_what_is_said_not_to_be_offered_is_not() -> None:
    """Operations of EST, which are optional; what a standard makes of one binds who offers it."""
    named = {
        found[1].rpartition("/")[2]
        for standard in STANDARDS
        for clause in standard.clause
        if (found := NOT_OFFERED.match(clause.not_applicable))
    }
    tree = ast.parse((ROOT / "protocols/est/dialogue.py").read_text("utf-8"))
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}

    assert "crls" in strings
    assert named & strings == set()


def test_each_attack_that_a_module_lists_has_its_test() -> None:
    named = {
        f"{path}: {test}"
        for path, tree in syntax_trees(ROOT, "conformance/hostile")
        for test in LISTED.findall(ast.get_docstring(tree) or "")
        if f"{path}::{test}" not in existing_tests(ROOT, path)
    }

    # A race that is shown elsewhere is listed with its file.
    assert named == {"conformance/hostile/test_acme_races.py: test_a_nonce_works_once_among_a_hundred"}


def test_a_test_that_nobody_wrote_is_seen(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(
        "async def test_top(): pass\ndef helper(): pass\nclass TestMany:\n    def test_inner(self): pass\n", "utf-8"
    )
    wanted = (
        "test_one.py::test_top",
        "test_one.py::helper",
        "test_one.py::TestMany::test_inner",
        "test_two.py::test_a",
    )
    clause = Clause("1-a", "1", "MUST", "server", "something", wanted)

    assert missing_tests(clause, tmp_path) == ["test_one.py::helper", "test_two.py::test_a"]
    assert existing_tests(tmp_path, "test_one.py") == {"test_one.py::test_top", "test_one.py::TestMany::test_inner"}

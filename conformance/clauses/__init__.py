"""The standards, clause by clause: every MUST and SHOULD, in our own words, with what shows it or why it is not ours.

One TOML file per RFC. A row::

    [[clause]]
    id = "6.3-a"            section, and a letter that runs within it
    section = "6.3"
    level = "MUST"          as the RFC writes it
    binds = "server"        server, client, or others (authors of extensions, hosting providers)
    says = "..."            what is demanded, never in the RFC's own sentence
    tests = ["conformance/...::test_name", "tests/...::TestClass::test_name"]

with `not_applicable = "reason"` in the place of `tests` where there is nothing of ours to test.
`tests/architecture/test_clauses.py` sees to the form and that each named test exists; `make conformance` runs
every named test and then prints the table (`python -m conformance.clauses`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).parent

MUSTS = frozenset({"MUST", "MUST NOT", "REQUIRED", "SHALL", "SHALL NOT"})
SHOULDS = frozenset({"SHOULD", "SHOULD NOT", "RECOMMENDED", "NOT RECOMMENDED"})


class Clause(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One demand of a standard."""

    id: str
    section: str
    level: str
    binds: str
    says: str
    tests: tuple[str, ...] = ()
    not_applicable: str = ""


class Standard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One RFC.

    Attributes:
        complete: whether every demand of the RFC is among the clauses.
    """

    rfc: int
    title: str
    complete: bool
    clause: tuple[Clause, ...]


def standards(folder: Path = FOLDER) -> list[Standard]:
    """Every file of clauses, by number."""
    read = [msgspec.toml.decode(path.read_bytes(), type=Standard) for path in folder.glob("*.toml")]
    return sorted(read, key=lambda standard: standard.rfc)


def existing_tests(root: Path, file: str) -> frozenset[str]:
    """The ids of the tests that a file defines, at its top and in its classes; empty where there is no such file."""
    path = root / file
    if not path.is_file():
        return frozenset()
    return frozenset(f"{file}::{name}" for name in _defined(ast.parse(path.read_text("utf-8")).body, ""))


def missing_tests(clause: Clause, root: Path = ROOT) -> list[str]:
    """Those tests of a clause that nobody wrote."""
    return [test for test in clause.tests if test not in existing_tests(root, test.partition("::")[0])]


def _defined(body: list[ast.stmt], within: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield within + node.name
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from _defined(node.body, f"{within}{node.name}::")

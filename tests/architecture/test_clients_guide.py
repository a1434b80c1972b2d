"""What docs/guides/acme-clients.md shows as run is run: its blocks and the conformance tests name each other."""

import ast
import re
from pathlib import Path

from conformance.clients.guide import GUIDE, Block, blocks, variables
from tests.architecture.house import ROOT, syntax_trees

PASTED = ("paste", "paste_first", "pasted_meanwhile")
NOT_RUN = "Not run in our tests"
SECTION = re.compile(r"^## ", re.MULTILINE)
FENCE = re.compile(r"^(?P<above>[^\n]*)\n```\w+\n", re.MULTILINE)
VARIABLE = re.compile(r"\$\{?([A-Z][A-Z_0-9]*)")
GIVEN_BY_A_CLIENT = ("ALPNCERTDIR", "CERTBOT_")


def test_every_block_that_is_marked_is_run_by_a_test_and_no_test_runs_another() -> None:
    assert pasted(ROOT) == set(blocks(GUIDE.read_text("utf-8")))


def test_every_block_without_a_mark_says_that_it_is_not_run() -> None:
    assert unmarked(GUIDE.read_text("utf-8")) == []


def test_every_variable_in_a_block_is_one_that_the_reader_has_set() -> None:
    text = GUIDE.read_text("utf-8")

    used = {name for block in blocks(text).values() for name in VARIABLE.findall(block.text)}

    assert {name for name in used if not name.startswith(GIVEN_BY_A_CLIENT)} <= variables(text)


def test_what_a_test_pastes_is_seen(tmp_path: Path) -> None:
    (tmp_path / "conformance").mkdir()
    (tmp_path / "conformance" / "test_it.py").write_text(
        'machine.paste("one")\npaste_first("two")\nmachine.shell("three")\nmachine.paste(name)\n', "utf-8"
    )

    assert pasted(tmp_path) == {"one", "two"}


def test_a_block_without_a_mark_is_seen() -> None:
    text = (
        "# Guide\n\n<!-- set -->\n```sh\nA=1\n```\n\n## One\n\n<!-- run: one -->\n```sh\none\n```\n\nText:\n\n"
        f"```sh\ntwo\n```\n\n## Two\n\n{NOT_RUN}.\n\n```yaml\nthree: 3\n```\n"
    )

    assert unmarked(text) == ["One"]
    assert blocks(text) == {"one": Block("sh", "one\n")}
    assert variables(text) == {"A"}


def pasted(root: Path) -> set[str]:
    """The names that conformance tests give to what pastes a block."""
    return {
        node.args[0].value
        for _, tree in syntax_trees(root, "conformance")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] in PASTED
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def unmarked(text: str) -> list[str]:
    """The sections with a block that is neither run, nor set by the reader, nor said not to be run."""
    found = []
    for section in SECTION.split(text):
        marks = [fence["above"] for fence in FENCE.finditer(section)]
        bare = [mark for mark in marks if not mark.startswith("<!-- ")]
        if bare and NOT_RUN not in section:
            found.append(section.partition("\n")[0])
    return found

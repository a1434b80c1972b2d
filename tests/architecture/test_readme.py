"""What README shows is what there is."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.house import ROOT, tracked_files

HELP = re.compile(r"<!-- help -->\s*```\w*\n(.*?)```\s*<!-- /help -->", re.DOTALL)
FENCED = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
FOLDER = re.compile(r"^(\w+)/", re.MULTILINE)


@pytest.fixture
def readme() -> str:
    return (ROOT / "README.md").read_text("utf-8")


def test_readme_shows_the_help_of_the_command_as_it_is(readme: str) -> None:
    shown = shown_help(readme)

    assert shown == current_help()


def test_readme_names_every_top_level_folder_and_no_other(readme: str) -> None:
    named = shown_folders(readme)

    assert named == top_level_folders()


def test_the_help_is_read_from_between_its_markers() -> None:
    block = "```console\n$ soapstone --help\nUsage: soapstone\n\n  One line.\n```\n"
    text = f"Before.\n\n<!-- help -->\n{block}<!-- /help -->\n\n```\nanother\n```\n"

    assert shown_help(text) == "Usage: soapstone\n\n  One line."


def test_the_layout_is_the_block_that_holds_the_strongroom() -> None:
    text = "```\nelsewhere/\n```\n\nThen:\n\n```text\nserver/    sockets\nca_core/   no HTTP\n  store/\n```\n"

    assert shown_folders(text) == ["ca_core", "server"]


def shown_help(text: str) -> str:
    """The block between the markers, without the command that a reader would type to get it."""
    block = HELP.search(text)
    assert block, "README.md has no fenced block between <!-- help --> and <!-- /help -->"
    return block[1].removeprefix("$ soapstone --help\n").strip()


def current_help() -> str:
    # The width is set because click breaks lines at the width of the terminal that the test happens to have.
    answer = subprocess.run(
        [Path(sys.executable).with_name("soapstone"), "--help"],
        env={**os.environ, "COLUMNS": "80"},
        check=True,
        capture_output=True,
        text=True,
    )
    return answer.stdout.strip()


def shown_folders(text: str) -> list[str]:
    """The folders at the line starts of the one fenced block that names ca_core."""
    for block in FENCED.findall(text):
        folders: list[str] = FOLDER.findall(block)
        if "ca_core" in folders:
            return sorted(folders)
    return []


def top_level_folders() -> list[str]:
    tops = {path.relative_to(ROOT).parts[0] for path in tracked_files(ROOT)}
    return sorted(top for top in tops if (ROOT / top).is_dir() and not top.startswith("."))

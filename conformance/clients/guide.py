"""The command lines of docs/guides/acme-clients.md, as they stand there.

A fenced block below `<!-- run: NAME -->` is run by a test, word for word. What differs from one reader to the next is a
variable of the shell, which the reader sets in the block below `<!-- set -->`, and a test in its own way.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "acme-clients.md"
_BLOCK = re.compile(
    r"^<!-- run: (?P<name>[^\n]+) -->\n```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
_SET = re.compile(r"^<!-- set -->\n```sh\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_ASSIGNED = re.compile(r"\b([A-Z][A-Z_0-9]*)=")


class Block(NamedTuple):
    """Lines to be run, and what reads them: `sh` or `python`."""

    language: str
    text: str


def blocks(text: str) -> dict[str, Block]:
    """Every block that is to be run, by its name."""
    found = [(block["name"], Block(block["language"], block["text"])) for block in _BLOCK.finditer(text)]
    by_name = dict(found)
    assert len(by_name) == len(found), f"a block's name stands twice in {sorted(name for name, _ in found)}"
    return by_name


def variables(text: str) -> frozenset[str]:
    """The variables that the reader is asked to set."""
    block = _SET.search(text)
    assert block, "the guide has no block below <!-- set -->"
    return frozenset(_ASSIGNED.findall(block["text"]))


def block(name: str) -> Block:
    """One block of the guide."""
    found = blocks(GUIDE.read_text("utf-8"))
    assert name in found, f"{GUIDE.name} has no block <!-- run: {name} -->; there are {sorted(found)}"
    return found[name]

"""The commands of docs/guides/ra-officer.md, typed as they stand there, by whoever the guide says types them."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from conformance.clients import guide
from conformance.house import SOAPSTONE, House, run

GUIDE = Path(__file__).parents[1] / "docs" / "guides" / "ra-officer.md"
_OPERATOR = "operator"
_SHELL = re.compile(r"^```sh$", re.MULTILINE)
_TYPED = re.compile(r'\.typed\("([^"]+)"')


class Desk:
    """A folder to type in. What the guide writes as a variable is set by what came before it."""

    def __init__(self, house: House, folder: Path) -> None:
        self.folder = folder
        self._house = house
        self._variables = {"TRUST": str(house.trust), "EST": house.est}
        self._blocks = guide.blocks(GUIDE.read_text("utf-8"))

    def typed(self, name: str, *, by: str = _OPERATOR, **variables: str) -> str:
        """Type one block of the guide to its end; every command has to succeed. Returns what they said.

        Args:
            by: the account at the operating system, by which an officer is known on the command line.
            variables: what the guide's reader has found out meanwhile; they stay.
        """
        self._variables |= variables
        done = self.shell(self._blocks[name].text, by=by)
        assert done.returncode == 0, f"{name}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def shell(self, script: str, *, by: str = _OPERATOR) -> subprocess.CompletedProcess[str]:
        """Type lines that stop at an error, or at a variable that nobody has set."""
        environment = {
            **os.environ,
            **self._variables,
            "PATH": f"{self.folder / 'bin'}:{SOAPSTONE.parent}:{os.environ['PATH']}",
            "SOAPSTONE_HOME": str(self._house.home),
            "LOGNAME": by,
        }
        return run("bash", "-eu", "-o", "pipefail", "-c", script, cwd=self.folder, env=environment)


def blocks_run() -> set[str]:
    """The names of the guide's blocks; every block of commands has one."""
    text = GUIDE.read_text("utf-8")
    named = guide.blocks(text)
    assert len(named) == len(_SHELL.findall(text)), "a block of commands has no <!-- run: NAME --> above it"
    return set(named)


def names_in(test: Path) -> set[str]:
    """The blocks that a file of tests types."""
    return set(_TYPED.findall(test.read_text("utf-8")))

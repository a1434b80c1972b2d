"""What builds the scripts says what is missing, and who asks only for what can be had goes on."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.architecture.house import ROOT

_NEEDED = ("sh", "cat", "cut", "dirname", "sha256sum", "cmp", "cp", "mktemp", "rm")


@pytest.fixture(params=["server/portal/script/build", "server/web/assets/install"])
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of what builds or brings, in a checkout in which nothing is built."""
    original = ROOT / request.param
    ignored = shutil.ignore_patterns("pico.*", "portal.js", "keys.js", "scripts.sum")
    shutil.copytree(original.parent, tmp_path / Path(request.param).parent, ignore=ignored)
    return tmp_path / Path(request.param)


def run(program: Path, *options: str, tools: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Call it where there are few tools beside those of every system."""
    folder = program.parents[3] / "bin"
    folder.mkdir()
    for name in _NEEDED:
        (folder / name).symlink_to(str(shutil.which(name)))
    for name, text in tools.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return subprocess.run([program, *options], env={"PATH": str(folder)}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("tools", "missing"), [({}, "node"), ({"node": "exit 0"}, "npm")])
def test_what_is_missing_is_named_and_where_it_comes_from(program: Path, tools: dict[str, str], missing: str) -> None:
    done = run(program, tools=tools)

    assert done.returncode == 0
    assert f"{missing} is missing. On Debian: apt install nodejs npm" in done.stderr


def test_an_old_node_is_named(program: Path) -> None:
    old = '[ "$1" = --version ] && echo v16.20.2 && exit; exit 1'

    done = run(program, tools={"node": old, "npm": "exit 0"})

    assert done.returncode == 0
    assert "18 or newer is needed, and this is v16.20.2" in done.stderr


def test_the_node_that_is_here_is_new_enough_and_an_error_of_npm_is_told(program: Path) -> None:
    done = run(program, tools={"node": f'exec {shutil.which("node")} "$@"', "npm": "exit 1"})

    assert done.returncode == 0
    assert done.stderr.endswith(": npm has ended with an error.\n")


def test_what_is_required_ends_with_an_error(program: Path) -> None:
    assert run(program, "--required", tools={}).returncode == 1

"""Each import contract is broken on purpose and seen to break: one that cannot fail is a comment."""

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.house import ROOMS, ROOT, imported_names, syntax_trees

BREAKS = [
    ("rooms", "protocols/wire.py", "import server.settings"),
    ("rooms", "ca_core/names.py", "import protocols.wire"),
    ("strongroom", "ca_core/enrollment.py", "import aiohttp"),
    ("strongroom", "ca_core/names.py", "import socket"),
    ("interpreters", "protocols/encoding.py", "from aiohttp import web"),
    ("strangers", "protocols/acme/__init__.py", "import protocols.est"),
    ("strangers", "protocols/status/__init__.py", "import protocols.acme"),
    ("strangers", "protocols/wire.py", "import protocols.est"),
    ("strangers", "protocols/cms/__init__.py", "import protocols.est"),
    ("signing", "protocols/est/__init__.py", "import ca_core.signing"),
    ("signing", "server/listeners.py", "import ca_core.signing"),
    ("signing", "ca_core/enrollment.py", "import ca_core.signing"),
    ("drivers", "ca_core/store/__init__.py", "import aiosqlite"),
    ("drivers", "server/settings.py", "import sqlite3"),
    ("token", "ca_core/signing/__init__.py", "import pkcs11"),
    ("exporting", "server/bridge.py", "from OpenSSL import SSL"),
    ("paper", "server/cli/handing_over.py", "import typst"),
    ("paper", "server/example.py", "import segno"),
    ("passwords", "ca_core/registration/password.py", "import argon2"),
    ("gate", "server/portal/visit.py", "import altcha"),
    ("josepy", "protocols/acme/states.py", "import josepy"),
    ("josepy", "server/bridge.py", "from josepy import JWK"),
    ("pure", "ca_core/names.py", "import ca_core.store"),
    ("pure", "ca_core/policy/__init__.py", "import asyncio"),
]
"""A contract, the file of a copy of the house, and the line that is added to it."""


@pytest.fixture
def copy_of_the_house(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_house_keeps_its_contracts(copy_of_the_house: Path) -> None:
    verdict = lint_imports(copy_of_the_house)

    assert verdict.returncode == 0, verdict.stdout


@pytest.mark.parametrize(("contract", "file", "line"), BREAKS)
def test_a_broken_contract_is_seen(copy_of_the_house: Path, contract: str, file: str, line: str) -> None:
    with (copy_of_the_house / file).open("a", encoding="utf-8") as source:
        source.write(f"\n{line}\n")

    verdict = lint_imports(copy_of_the_house, "--contract", contract)

    # The exit status alone would also be 1 for a mistake in the contract itself.
    assert "0 kept, 1 broken" in verdict.stdout, verdict.stdout
    assert verdict.returncode == 1


def test_every_contract_is_broken_once() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = {contract["id"] for contract in settings["tool"]["importlinter"]["contracts"]}

    assert {contract for contract, _, _ in BREAKS} == contracts


def test_conformance_knows_the_house_only_over_the_wire() -> None:
    known = {f"{path}: {name}" for path, tree in syntax_trees(ROOT, "conformance") for name in rooms_known_to(tree)}

    assert known == set()


def test_a_conformance_test_that_looks_inside_is_seen() -> None:
    tree = ast.parse("import ssl\nfrom ca_core.names import dns\nimport servers.elsewhere")

    assert rooms_known_to(tree) == {"ca_core"}


def rooms_known_to(tree: ast.Module) -> set[str]:
    return {name.split(".")[0] for name in imported_names(tree)} & set(ROOMS)


def lint_imports(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache", "--no-logo", *options],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )

"""Where the rooms are, and their files as text and as syntax trees."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("ca_core", "protocols", "server")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def files(root: Path, *folders: str) -> Iterator[Path]:
    """Every Python file below the named folders of `root`, in a steady order."""
    for folder in folders:
        yield from sorted((root / folder).rglob("*.py"))


def syntax_trees(root: Path, *folders: str) -> Iterator[tuple[str, ast.Module]]:
    """The path from `root`, with `/`, and the syntax tree of every Python file below the named folders."""
    for path in files(root, *folders):
        yield path.relative_to(root).as_posix(), ast.parse(path.read_text("utf-8"))


def tracked_files(root: Path) -> list[Path]:
    """Every file that git knows and that is still there, whoever owns the checkout."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = (root / name for name in listing.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def dotted_name(path: str) -> str:
    """The import name of a file: `ca_core/store/__init__.py` is `ca_core.store`."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported_names(tree: ast.Module) -> Iterator[str]:
    """Everything that a module imports, absolutely; `from a import b` gives `a` and `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)

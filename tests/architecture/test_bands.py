"""The pure band: bytes and values in, bytes and values out; what the time is and what is stored comes in.

`PURE` is the list of what is pure. It names files that must exist, so that nobody leaves the band by
renaming; a folder stands for every file in it.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.house import ROOMS, ROOT, dotted_name, files, imported_names, syntax_trees
from tests.architecture.pure import PURE

WAITS = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)

# `ca_core.clock` also spells times (`rfc3339`), which is as pure as spelling a name; asking it is not.
# The world outside is named here because a linter cannot know which files are pure. `secrets` is not:
# `ca_core.identity` and `ca_core.registration.credential` are there to draw serials and codes.
FORBIDDEN = (
    "asyncio",
    "ca_core.clock.Clock",
    "ca_core.clock.SystemClock",
    "ca_core.store",
    "os",
    "pathlib",
    "subprocess",
    "threading",
    "time",
)


def test_every_file_of_the_pure_band_is_there() -> None:
    assert [name for name in PURE if not list(members(ROOT, name))] == []


def test_no_pure_file_waits() -> None:
    assert list(waiting_files(ROOT)) == []


def test_no_pure_file_asks_the_clock_or_the_store() -> None:
    assert list(impure_imports(ROOT)) == []


def test_no_pure_file_leans_on_one_that_waits() -> None:
    assert list(waiting_neighbours(ROOT)) == []


def test_a_pure_file_that_waits_is_seen(tmp_path: Path) -> None:
    write(tmp_path, "ca_core/policy/decision.py", "async def decide(): ...")
    write(tmp_path, "ca_core/enrollment.py", "async def enroll(): ...")

    assert list(waiting_files(tmp_path)) == ["ca_core/policy/decision.py, line 1"]


def test_a_pure_file_that_asks_for_the_time_is_seen(tmp_path: Path) -> None:
    write(tmp_path, "ca_core/names.py", "from ca_core.clock import SystemClock")
    write(tmp_path, "ca_core/der.py", "from ca_core.clock import rfc3339")

    assert list(impure_imports(tmp_path)) == ["ca_core/names.py: ca_core.clock.SystemClock"]


def test_a_pure_file_that_leans_on_one_that_waits_is_seen(tmp_path: Path) -> None:
    write(tmp_path, "ca_core/issuance/plan.py", "from ca_core.issuance import issuer, chain")
    write(tmp_path, "ca_core/issuance/issuer.py", "async def issue(): ...")
    write(tmp_path, "ca_core/issuance/chain.py", "def chain(): ...")

    assert list(waiting_neighbours(tmp_path)) == ["ca_core/issuance/plan.py: ca_core.issuance.issuer"]


def members(root: Path, name: str) -> Iterator[Path]:
    """The files that one line of `PURE` stands for."""
    if name.endswith("/"):
        yield from files(root, name)
    elif (root / name).is_file():
        yield root / name


def pure_trees(root: Path) -> Iterator[tuple[str, ast.Module]]:
    for name in PURE:
        for path in members(root, name):
            yield path.relative_to(root).as_posix(), ast.parse(path.read_text("utf-8"))


def waits(tree: ast.Module) -> Iterator[int]:
    """The lines on which something waits."""
    for node in ast.walk(tree):
        if isinstance(node, WAITS):
            yield node.lineno
        elif isinstance(node, ast.comprehension) and node.is_async:
            yield node.target.lineno


def waiting_files(root: Path) -> Iterator[str]:
    for path, tree in pure_trees(root):
        for line in waits(tree):
            yield f"{path}, line {line}"


def impure_imports(root: Path) -> Iterator[str]:
    for path, tree in pure_trees(root):
        for name in sorted(set(imported_names(tree))):
            if any(name == forbidden or name.startswith(f"{forbidden}.") for forbidden in FORBIDDEN):
                yield f"{path}: {name}"


def waiting_neighbours(root: Path) -> Iterator[str]:
    waiting = {dotted_name(path) for path, tree in syntax_trees(root, *ROOMS) if list(waits(tree))}
    for path, tree in pure_trees(root):
        for name in sorted(set(imported_names(tree)) & waiting):
            yield f"{path}: {name}"


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, "utf-8")

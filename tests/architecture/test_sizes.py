"""A file that wants to be longer holds two ideas: name the second (STYLE, Size)."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.house import ROOMS, ROOT, Function, files, syntax_trees

MODULE_LINES = 400
FUNCTION_LINES = 45
PUBLIC_METHODS = 10


def test_no_module_holds_two_ideas() -> None:
    assert long_modules(ROOT) == []


def test_no_function_needs_scrolling() -> None:
    assert list(long_functions(ROOT)) == []


def test_no_class_has_more_to_say_than_ten_things() -> None:
    assert list(wide_classes(ROOT)) == []


def test_a_long_module_is_seen(tmp_path: Path) -> None:
    write(tmp_path, "pass\n" * (MODULE_LINES + 1))

    assert long_modules(tmp_path) == ["server/example.py: 401 lines"]


def test_a_long_function_is_seen_and_its_docstring_is_free(tmp_path: Path) -> None:
    docstring = '    """One.\n\n    Two.\n    """\n'
    just_right = "def short():\n" + docstring + "    pass\n" * (FUNCTION_LINES - 1)
    too_long = "async def long():\n" + docstring + "    pass\n" * FUNCTION_LINES
    write(tmp_path, just_right + too_long)

    assert list(long_functions(tmp_path)) == ["server/example.py: long, 46 lines"]


def test_a_wide_class_is_seen_and_its_private_methods_are_free(tmp_path: Path) -> None:
    public = [f"    def do_{number}(self): pass\n" for number in range(PUBLIC_METHODS + 1)]
    private = "    def _help(self): pass\n" * 20
    write(tmp_path, "class Narrow:\n" + "".join(public[1:]) + private + "class Wide:\n" + "".join(public))

    assert list(wide_classes(tmp_path)) == ["server/example.py: Wide, 11 public methods"]


def long_modules(root: Path) -> list[str]:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in files(root, *ROOMS)}
    return [
        f"{path.relative_to(root).as_posix()}: {length} lines"
        for path, length in lengths.items()
        if length > MODULE_LINES
    ]


def long_functions(root: Path) -> Iterator[str]:
    for path, tree in syntax_trees(root, *ROOMS):
        for node in ast.walk(tree):
            if isinstance(node, Function) and lines_of(node) > FUNCTION_LINES:
                yield f"{path}: {node.name}, {lines_of(node)} lines"


def lines_of(function: Function) -> int:
    """From `def` to the last line, decorators and docstring not counted."""
    return line_span(function) - sum(line_span(part) for part in function.body[:1] if is_docstring(part))


def line_span(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def wide_classes(root: Path) -> Iterator[str]:
    for path, tree in syntax_trees(root, *ROOMS):
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and public_methods(node) > PUBLIC_METHODS:
                yield f"{path}: {node.name}, {public_methods(node)} public methods"


def public_methods(node: ast.ClassDef) -> int:
    return len({part.name for part in node.body if isinstance(part, Function) and not part.name.startswith("_")})


def write(root: Path, text: str) -> None:
    (root / "server").mkdir()
    (root / "server" / "example.py").write_text(text, "utf-8")

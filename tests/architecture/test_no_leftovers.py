"""What a finished house does not hold: notes to oneself, nets that catch all, the builder's address."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.house import ROOMS, ROOT, files, imported_names, syntax_trees, tracked_files

NOTE = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")

# Two places may catch everything: the edge, in whichever of its two files, and a worker's turn. A third carries
# what flies in a thread to the coroutine that waits for it, and keeps nothing.
EDGE = ("server/bridge.py", "server/middleware.py")
WORKER = ("server/workers.py",)
CARRIER = ("ca_core/threads.py",)

# Spelled in parts, or this file would be the first to be found.
MOCK = "unittest" + ".mock"
REGISTRIES = tuple(
    host + tld for host, tld in [("pypi", ".org"), ("files.pythonhosted", ".org"), ("registry.npmjs", ".org")]
)


def test_no_room_holds_a_note_to_oneself() -> None:
    assert list(notes(ROOT)) == []


def test_two_places_catch_everything_one_carries_it_on_and_no_other_does() -> None:
    places = list(broad_nets(ROOT))
    at_the_edge = [place for place in places if place.startswith(EDGE)]
    around_a_worker = [place for place in places if place.startswith(WORKER)]

    carried_on = [place for place in places if place.startswith(CARRIER)]

    assert [place for place in places if place not in at_the_edge + around_a_worker + carried_on] == []
    assert len(at_the_edge) <= 1
    assert len(around_a_worker) <= 1
    assert len(carried_on) <= 1


def test_only_the_clock_reads_the_wall_clock() -> None:
    readers = [path for path, tree in syntax_trees(ROOT, *ROOMS, "conformance", "tests") if reads_the_wall_clock(tree)]

    assert [path for path in readers if path != "ca_core/clock.py"] == []


def test_nothing_is_left_to_predictable_chance() -> None:
    gamblers = [
        path for path, tree in syntax_trees(ROOT, *ROOMS, "conformance", "tests") if "random" in imported_names(tree)
    ]

    assert gamblers == []


def test_nothing_is_mocked() -> None:
    mockers = [
        path for path, tree in syntax_trees(ROOT, *ROOMS, "conformance", "tests") if MOCK in imported_names(tree)
    ]

    assert mockers == []


def test_no_file_names_a_registry_or_the_place_where_it_was_written() -> None:
    addresses = re.compile("|".join([*map(re.escape, REGISTRIES), checkout_path(ROOT)]).encode())

    named = [path for path in tracked_files(ROOT) if addresses.search(path.read_bytes())]

    assert [path.relative_to(ROOT).as_posix() for path in named] == []


def test_a_note_is_seen(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "example.py").write_text("one = 1\ntwo = one  # TODO: three\n", "utf-8")

    assert list(notes(tmp_path)) == ["server/example.py, line 2: TODO"]


def test_every_kind_of_broad_net_is_seen(tmp_path: Path) -> None:
    nets = [
        "except:",
        "except Exception:",
        "except (ValueError, builtins.BaseException) as error:",
        "except* Exception:",
    ]
    narrow = ["except ValueError:", "except (KeyError, OSError):"]
    source = "".join(f"try:\n    pass\n{net}\n    pass\n" for net in narrow + nets)
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "example.py").write_text(source + "with suppress(Exception): pass\n", "utf-8")

    assert [place.rpartition(" ")[2] for place in broad_nets(tmp_path)] == ["11", "15", "19", "23", "25"]


def test_every_way_to_read_the_wall_clock_is_seen() -> None:
    ways = [
        "time.time()",
        "datetime.now(UTC)",
        "datetime.datetime.utcnow()",
        "date.today()",
        "time.time_ns()",
    ]
    others = ["time.monotonic()", "clock.now()", "datetime.fromtimestamp(0, UTC)"]

    assert [reads_the_wall_clock(ast.parse(way)) for way in ways + others] == [True] * len(ways) + [False] * len(others)


def notes(root: Path) -> Iterator[str]:
    for path in files(root, *ROOMS):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            if note := NOTE.search(line):
                yield f"{path.relative_to(root).as_posix()}, line {number}: {note[0]}"


def broad_nets(root: Path) -> Iterator[str]:
    for path, tree in syntax_trees(root, *ROOMS):
        for node in sorted(filter(is_broad, ast.walk(tree)), key=line_of):
            yield f"{path}, line {line_of(node)}"


def line_of(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 0))


def is_broad(node: ast.AST) -> bool:
    """Whether this catches whatever comes: a handler, or `suppress` with the same reach."""
    if isinstance(node, ast.ExceptHandler):
        return node.type is None or catches_everything(node.type)
    return (
        isinstance(node, ast.Call)
        and last_name(node.func) == "suppress"
        and any(catches_everything(argument) for argument in node.args)
    )


def catches_everything(caught: ast.expr) -> bool:
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(last_name(kind) in {"Exception", "BaseException"} for kind in kinds)


def last_name(expression: ast.expr) -> str:
    return ast.unparse(expression).rpartition(".")[2]


def reads_the_wall_clock(tree: ast.Module) -> bool:
    readers = ("time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today")
    called = (ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return any(name == reader or name.endswith(f".{reader}") for name in called for reader in readers)


def checkout_path(root: Path) -> str:
    """The folder of this checkout as a pattern that matches neither `/srv/mainly` nor `https://host/srv/main`."""
    return rf"(?<![\w.:/]){re.escape(root.as_posix())}(?![\w-])"

"""What is numbered has each number once, whoever landed at the same time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.architecture.house import ROOT, tracked_files


def test_no_two_migrations_of_a_component_have_one_number_and_none_is_left_out() -> None:
    folders = {
        path.parent for path in tracked_files(ROOT) if path.parent.name == "migrations" and path.suffix == ".sql"
    }

    assert len(folders) >= 3
    for folder in folders:
        numbers = numbers_of(path.name for path in folder.glob("*.sql"))
        assert sorted(numbers) == list(range(1, len(numbers) + 1)), folder


def test_no_two_decisions_have_one_number() -> None:
    assert doubled(path.name for path in (ROOT / "docs" / "decisions").glob("*.md")) == []


def test_a_double_is_seen(tmp_path: Path) -> None:
    names = ["0001_first.sql", "0002_second.sql", "0002_other.sql"]

    assert doubled(names) == [2]
    assert numbers_of(names) == [1, 2, 2]


def numbers_of(names: Iterable[str]) -> list[int]:
    return [int(name.replace("-", "_").partition("_")[0]) for name in names]


def doubled(names: Iterable[str]) -> list[int]:
    return [number for number, count in Counter(numbers_of(names)).items() if count > 1]

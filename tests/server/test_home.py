from __future__ import annotations

from pathlib import Path

import pytest

from ca_core.errors import Misconfigured
from server import home as home_module
from server.settings import FILE_NAME


def test_a_home_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    def make_half() -> None:
        with home_module.staging(tmp_path) as folder:
            (folder / FILE_NAME).touch()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        make_half()

    assert list(tmp_path.iterdir()) == []


def test_a_move_that_a_crash_cut_is_finished_by_whoever_comes_next(tmp_path: Path) -> None:
    made = tmp_path / ".made"
    (made / "secrets").mkdir(parents=True)
    (made / FILE_NAME).touch()
    (tmp_path / "authority").mkdir()

    with pytest.raises(Misconfigured, match="is a home already; serve it"):
        home_module.refuse_existing(tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {"authority", "secrets", FILE_NAME}


def test_what_stands_in_the_way_of_a_made_home_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".made" / "secrets").mkdir(parents=True)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "mine").touch()

    with pytest.raises(Misconfigured, match="move away what is there"):
        home_module.move_into_place(tmp_path)

    assert (tmp_path / "secrets" / "mine").exists()


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
def test_what_a_killed_server_left_beside_a_database_is_not_put_beside_another(tmp_path: Path, end: str) -> None:
    (tmp_path / f"soapstone.db{end}").touch()

    with (
        pytest.raises(Misconfigured, match=f"soapstone.db{end} exists already and is not overwritten; move it away"),
        home_module.staging(tmp_path) as folder,
    ):
        (folder / "soapstone.db").touch()

    assert [path.name for path in tmp_path.iterdir()] == [f"soapstone.db{end}"]


def test_a_folder_without_a_made_home_is_left_alone(tmp_path: Path) -> None:
    home_module.move_into_place(tmp_path)

    assert list(tmp_path.iterdir()) == []

from __future__ import annotations

from pathlib import Path

import pytest

from ca_core import files
from ca_core.errors import Misconfigured


def test_a_new_file_is_written_once(tmp_path: Path) -> None:
    files.write_new(tmp_path / "a", b"one", mode=0o600)

    with pytest.raises(Misconfigured, match="not overwritten"):
        files.write_new(tmp_path / "a", b"two", mode=0o600)

    assert (tmp_path / "a").read_bytes() == b"one"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_a_file_is_replaced_whole_and_what_a_crash_left_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_bytes(b"one")
    (tmp_path / "a.new").write_bytes(b"half of")

    files.replace(tmp_path / "a.pem", b"two", mode=0o600)

    assert (tmp_path / "a.pem").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["a.pem"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    for write in (files.write_new, files.replace):
        with pytest.raises(Misconfigured, match="nowhere"):
            write(tmp_path / "nowhere" / "a", b"", mode=0o600)


def test_a_tree_is_synced_whatever_it_holds(tmp_path: Path) -> None:
    (tmp_path / "folder" / "empty").mkdir(parents=True)
    (tmp_path / "folder" / "file").write_bytes(b"one")

    files.sync_all(tmp_path)

    assert (tmp_path / "folder" / "file").read_bytes() == b"one"

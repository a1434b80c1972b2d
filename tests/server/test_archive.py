from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from server.archive import pack, unpack


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "taken-out"
    made.mkdir()
    return made


def archived(file: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(file, "w:gz") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return file


def member(name: str, kind: bytes = tarfile.REGTYPE, linkname: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, linkname
    made.size = 3 if kind == tarfile.REGTYPE else 0
    return made


def test_what_was_packed_is_taken_out_as_it_was(tmp_path: Path, folder: Path) -> None:
    secrets = tmp_path / "secrets"
    (secrets / "old").mkdir(parents=True)
    (secrets / "key").write_bytes(b"key")
    (secrets / "key").chmod(0o600)
    (secrets / "same").hardlink_to(secrets / "key")
    (secrets / "old" / "key").symlink_to("../key")

    pack(tmp_path / "packed", {"secrets": secrets, "lists/blocked": secrets / "key"})
    unpack(tmp_path / "packed", folder)

    assert {str(one.relative_to(folder)) for one in folder.rglob("*") if not one.is_dir()} == {
        *("secrets/key", "secrets/same", "secrets/old/key", "lists/blocked")
    }
    assert [path.read_bytes() for path in folder.rglob("*") if not path.is_dir()] == [b"key"] * 4
    assert (folder / "secrets" / "key").stat().st_mode & 0o777 == 0o600
    assert (folder / "secrets" / "old" / "key").is_symlink()
    assert {path.stat().st_mode & 0o077 for path in folder.rglob("*") if path.is_dir()} == {0}
    assert (tmp_path / "packed").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "members",
    [
        [member("../evil")],
        [member("/etc/evil")],
        [member("secrets/../../evil")],
        [member("link", tarfile.SYMTYPE, "/etc")],
        [member("a/link", tarfile.SYMTYPE, "../../taken-out-not")],
        [member("link", tarfile.SYMTYPE, "kept"), member("link")],
        [member("loop", tarfile.SYMTYPE, "loop"), member("loop/evil")],
        [member("twice"), member("twice")],
        [member("hard", tarfile.LNKTYPE, "/etc/passwd")],
        [member("later", tarfile.SYMTYPE, "here/../evil"), member("here", tarfile.SYMTYPE, ".")],
        [member("later", tarfile.SYMTYPE, "here/../evil"), member("here", tarfile.SYMTYPE, "."), member("later/evil")],
        [member("a" * 200 + "\0b")],
        [member("device", tarfile.CHRTYPE)],
        [member("pipe", tarfile.FIFOTYPE)],
    ],
)
def test_nothing_leads_out_of_the_folder_or_over_what_is_there(
    tmp_path: Path, folder: Path, members: list[tarfile.TarInfo]
) -> None:
    file = archived(tmp_path / "packed", *members)

    with pytest.raises((OSError, tarfile.TarError)):
        unpack(file, folder)

    assert {path.name for path in tmp_path.iterdir()} == {"packed", "taken-out"}
    assert not (folder / "kept").exists()


def test_one_who_takes_it_out_owns_it(tmp_path: Path, folder: Path) -> None:
    foreign = member("key")
    foreign.uid, foreign.gid, foreign.uname, foreign.mode = 12345, 12345, "nobody", 0o6777

    unpack(archived(tmp_path / "packed", foreign), folder)

    taken = (folder / "key").stat()
    assert (taken.st_uid, taken.st_gid) == (folder.stat().st_uid, folder.stat().st_gid)
    assert taken.st_mode & 0o7022 == 0


def test_what_is_not_whole_is_refused_as_an_archive_is(tmp_path: Path, folder: Path) -> None:
    file = archived(tmp_path / "packed", member("a"), member("b"))
    octets = file.read_bytes()

    for length in range(len(octets)):
        file.write_bytes(octets[:length])
        with pytest.raises((OSError, tarfile.TarError)):
            unpack(file, folder)
        for left in folder.iterdir():
            left.unlink()


def test_nothing_is_overwritten_by_packing(tmp_path: Path) -> None:
    (tmp_path / "packed").write_text("kept")

    with pytest.raises(FileExistsError):
        pack(tmp_path / "packed", {})

    assert (tmp_path / "packed").read_text() == "kept"

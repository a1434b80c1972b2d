"""A home, or a part of it, as one file that holds secrets: packed, and taken out again where nothing leads out.

Debian 12's Python is older than tarfile's own filters, and so what is taken out is looked at here.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path

_FOLDER_MODE = 0o700
_MOST_MODE = 0o755
_PIECE_OCTETS = 1 << 20


def pack(file: Path, members: Mapping[str, Path]) -> None:
    """Write files and folders into a new archive.

    Args:
        members: by the names that they have in it.

    Raises:
        OSError: it exists already, or something cannot be read or written.
    """
    file.touch(mode=0o600, exist_ok=False)
    with tarfile.open(file, "w:gz") as archive:
        for name, path in members.items():
            archive.add(path, arcname=name)


def unpack(file: Path, folder: Path) -> None:
    """Take everything out into an empty folder; it belongs to whoever takes it out.

    Raises:
        OSError, tarfile.TarError: it cannot be read, or holds what is no file, folder or link within the folder.
    """
    try:
        with gzip.open(file) as plain, tarfile.open(fileobj=plain, mode="r:") as archive:
            for member in archive:
                _require_inside(member, folder)
                _take_out(archive, member, folder / member.name)
            # Where a link leads is known once everything is there that is on its way.
            for member in archive:
                _require_inside(member, folder)
            # An archive ends before its file does, where the checksum of all of it is.
            while plain.read(_PIECE_OCTETS):
                pass
    except (EOFError, zlib.error) as error:
        raise tarfile.ReadError(f"it is not whole: {error}") from None
    except (KeyError, ValueError) as error:
        # A second name of what is not in it; a name that no file can have.
        raise tarfile.ReadError(f"something in it cannot be: {error}") from None


def _require_inside(member: tarfile.TarInfo, folder: Path) -> None:
    place = folder / member.name
    ends = [place, place.parent / member.linkname] if member.issym() else [place]
    is_inside = all(Path(os.path.realpath(end)).is_relative_to(os.path.realpath(folder)) for end in ends)
    if not is_inside or not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
        raise tarfile.ExtractError(f"{member.name!r} in it is not of a home")


def _take_out(archive: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    if member.isdir():
        place.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        return
    place.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    if member.issym():
        place.symlink_to(member.linkname)
        return
    # What is two names of one file there becomes two files.
    source = archive.extractfile(member)
    if source is None:
        raise tarfile.ExtractError(f"{member.name!r} in it has no content")
    # Never over what is there: a link, for one.
    with source, open(place, "xb", opener=lambda path, flags: os.open(path, flags, member.mode & _MOST_MODE)) as target:
        shutil.copyfileobj(source, target)

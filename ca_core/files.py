"""Files that must be whole and on the disk, or not there at all."""

from __future__ import annotations

import os
from pathlib import Path

from ca_core.errors import Misconfigured


def write_new(path: Path, content: bytes, *, mode: int) -> None:
    """Write a file that must not exist yet; when this returns it survives a power cut.

    Raises:
        Misconfigured: the file exists or cannot be written.
    """
    try:
        _write_synced(path, content, mode)
    except FileExistsError:
        raise Misconfigured(f"{path} exists already and is not overwritten; choose another home") from None
    except OSError as error:
        raise Misconfigured(f"{path} cannot be written: {error.strerror}") from None


def replace(path: Path, content: bytes, *, mode: int) -> None:
    """Put a file in the place of another in one step, so that a crash leaves the old one or the new one.

    Raises:
        Misconfigured: it cannot be written.
    """
    fresh = path.with_suffix(".new")
    try:
        fresh.unlink(missing_ok=True)
        _write_synced(fresh, content, mode)
        fresh.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be written: {error.strerror}") from None


def sync_all(folder: Path) -> None:
    """Put a folder and everything in it on the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            sync_folder(path)
    sync_folder(folder)


def _write_synced(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)  # whatever the umask is
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """A new name is on the disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

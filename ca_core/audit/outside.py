"""The newest checkpoint, in a file outside the database, perhaps on another disk."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from ca_core import files
from ca_core.audit import checkpoint as checkpoint_module
from ca_core.audit.chain import Broken
from ca_core.audit.checkpoint import Checkpoint, PublicKey
from ca_core.errors import Misconfigured

_MISSING = (FileNotFoundError, NotADirectoryError)
_Stamp: TypeAlias = tuple[int, int, int, int] | None
"""What tells a replaced file from the one before; None when there is none."""


class CheckpointFile:
    """One file, replaced in one step and on the disk when a call returns.

    Args:
        path: its folder is made when the first checkpoint of all is written.
        lock: a file that the processes of one home take turns by.
    """

    def __init__(self, path: Path, lock: Path, key: PublicKey) -> None:
        self.path = path
        self._lock = lock
        self._key = key
        self._seen: tuple[_Stamp, Checkpoint | None] | None = None

    def look(self) -> Checkpoint | None:
        """As `read()`, but the file is opened only when it is another one than at the last look."""
        # Asked for before the file is read: a file that is replaced between the two is read again at the next look.
        stamp = self._stamp()
        if self._seen is None or self._seen[0] != stamp:
            self._seen = None
            self._seen = stamp, self.read()
        return self._seen[1]

    def read(self) -> Checkpoint | None:
        """Return the checkpoint; None when there is no file.

        Raises:
            Misconfigured: it cannot be read.
            Broken: it holds something else, or another key signed it.
        """
        try:
            text = self.path.read_bytes().decode("ascii", "replace")
        except _MISSING:
            return None
        except OSError as error:
            raise Misconfigured(f"the checkpoint file {self.path} cannot be read: {error.strerror}") from None
        found = checkpoint_module.read(text)
        if found is None or not self._key.vouches_for(found):
            raise Broken(f"the checkpoint file {self.path} was altered, or belongs to another journal")
        return found

    def write(self, checkpoint: Checkpoint, *, back: bool = False) -> Checkpoint:
        """Put a checkpoint there, unless there is one that is not older; return which one is there now.

        Another process may have been faster; whether what it wrote is true is for the caller to ask.

        Args:
            back: whether it may be an older one, as after a restore that an operator has looked at.

        Raises:
            Misconfigured: it cannot be written.
            Broken: as `read()`.
        """
        with self._turn():
            if not back:
                there = self.read()
                if there is not None and there.position >= checkpoint.position:
                    return there
            files.replace(self.path, checkpoint.text.encode(), mode=0o644)
            return checkpoint

    def _stamp(self) -> _Stamp:
        try:
            found = self.path.stat()
        except _MISSING:
            return None
        except OSError as error:
            raise Misconfigured(f"the checkpoint file {self.path} cannot be read: {error.strerror}") from None
        # Also the time of the inode's last change, which nobody can set.
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    @contextmanager
    def _turn(self) -> Iterator[None]:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock.parent.mkdir(mode=0o700, exist_ok=True)
            with self._lock.open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise Misconfigured(f"the checkpoint file {self.path} cannot be written: {error.strerror}") from None

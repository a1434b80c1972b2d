"""The newest checkpoint, in a file outside the database, perhaps on another disk."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ca_core import files
from ca_core.audit import checkpoint as checkpoint_module
from ca_core.audit.chain import Broken
from ca_core.audit.checkpoint import Checkpoint, PublicKey
from ca_core.errors import Misconfigured


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

    def read(self) -> Checkpoint | None:
        """Return the checkpoint; None when there is no file.

        Raises:
            Misconfigured: it cannot be read.
            Broken: it holds something else, or another key signed it.
        """
        try:
            text = self.path.read_bytes().decode("ascii", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Misconfigured(f"the checkpoint file {self.path} cannot be read: {error.strerror}") from None
        found = checkpoint_module.read(text)
        if found is None or not self._key.vouches_for(found):
            raise Broken(f"the checkpoint file {self.path} was altered, or belongs to another journal")
        return found

    def write(self, checkpoint: Checkpoint, *, back: bool = False) -> None:
        """Put a checkpoint there, unless another process was faster with a newer one.

        Args:
            back: whether it may be an older one, as after a restore that an operator has looked at.

        Raises:
            Misconfigured: it cannot be written.
        """
        with self._turn():
            if not back:
                there = self.read()
                if there is not None and there.position >= checkpoint.position:
                    return
            files.replace(self.path, checkpoint.text.encode(), mode=0o644)

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

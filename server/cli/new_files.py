"""Files that a command makes for their owner alone, which must not be there yet."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ca_core.errors import Misconfigured
from ca_core.files import sync_folder

Put = Callable[[bytes], None]
"""Writes all of a content; when it returns, that survives a power cut."""


@contextmanager
def new_file(path: Path) -> Iterator[Put]:
    """A file for the length of the block, and gone again when the block fails.

    What stands against it is known before anything is done whose outcome it is to hold.

    Raises:
        Misconfigured: it exists or cannot be written; what it yields raises it too.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Misconfigured(f"{path} exists already and is not overwritten; choose another file") from None
    except OSError as error:
        raise Misconfigured(f"{path} cannot be written: {error.strerror}") from None

    def put(content: bytes) -> None:
        left = memoryview(content)
        try:
            os.fchmod(descriptor, 0o600)  # whatever the umask is
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
            sync_folder(path.parent)
        except OSError as error:
            raise Misconfigured(f"{path} cannot be written: {error.strerror}") from None

    is_done = False
    try:
        yield put
        is_done = True
    finally:
        os.close(descriptor)
        if not is_done:
            path.unlink()

"""Processes of one home take turns with what is in it."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ca_core.errors import Misconfigured

_LOOK_AGAIN_SECONDS = 0.05


@asynccontextmanager
async def turn_with(path: Path) -> AsyncIterator[None]:
    """Wait until no other process has its turn with a file that is written anew now and then; whoever dies has had it.

    Args:
        path: of that file; the lock is a file beside it.

    Raises:
        Misconfigured: the folder cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        lock = path.with_suffix(".lock").open("w")
    except OSError as error:
        raise Misconfigured(f"{path} cannot be written: {error.strerror}") from None
    with lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            else:
                break
        yield

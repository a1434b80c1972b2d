"""The wall clock, as an argument: everything that needs the time is handed a `Clock`."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Protocol

OFFSET_FILE_VARIABLE = "SOAPSTONE_CLOCK_OFFSET_FILE"
"""Names a file that holds whole seconds to add to the time; read only under `--development`."""


class Clock(Protocol):
    """What tells the time."""

    def now(self) -> int:
        """Return UTC seconds since 1970."""


class SystemClock:
    """The machine's clock; in a development home it can be moved while the server runs.

    Args:
        development: whether the variable `SOAPSTONE_CLOCK_OFFSET_FILE` is heeded. A production server never
            looks at it, so nobody who can set a variable can reopen an expired certificate.
    """

    def __init__(self, *, development: bool = False) -> None:
        name = os.environ.get(OFFSET_FILE_VARIABLE) if development else None
        self._offset_file = Path(name) if name else None

    def now(self) -> int:
        """Return UTC seconds since 1970, plus the offset of a development clock."""
        now = int(time.time())
        return now if self._offset_file is None else now + _offset_seconds(self._offset_file)


def _offset_seconds(file: Path) -> int:
    try:
        return int(file.read_text("ascii").strip() or "0")
    except (OSError, ValueError):
        return 0


def as_datetime(seconds: int) -> datetime:
    """UTC seconds as an aware datetime."""
    return datetime.fromtimestamp(seconds, UTC)


@lru_cache(maxsize=1024)
def rfc3339(seconds: int) -> str:
    """UTC seconds as RFC 3339 text, such as `2027-01-24T00:00:00Z`."""
    return as_datetime(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")

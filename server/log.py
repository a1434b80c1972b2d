"""The operator's log: one line an event, on stderr."""

from __future__ import annotations

import logging
import os
import sys

_BEGIN, _END = "%(asctime)s %(levelname)s %(name)s", "%(message)s"
_SECOND = "%Y-%m-%d %H:%M:%S"


class Lines(logging.Formatter):
    """Writes lines; the date and the second, which most of a line costs, are spelled once a second.

    Args:
        which: what every line says of who writes it.
    """

    def __init__(self, which: str = "") -> None:
        super().__init__(" ".join(part for part in (_BEGIN, which, _END) if part))
        self._second = 0
        self._spelled = ""

    def format(self, record: logging.LogRecord) -> str:
        """A line; of an exception what the standard library makes of it, below."""
        if record.exc_info or record.exc_text or record.stack_info:
            return super().format(record)
        return f"{self.formatTime(record)} {record.levelname} {record.name} {record.getMessage()}"

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802  # its name there
        """The local time to the millisecond, such as `2026-11-28 07:59:50,247`."""
        second = int(record.created)
        if second != self._second:
            self._second, self._spelled = second, super().formatTime(record, datefmt or _SECOND)
        return f"{self._spelled},{int(record.msecs):03d}"


def log_to_stderr(*, as_one_of_several: bool = False) -> None:
    """Log what operators act on or count.

    Args:
        as_one_of_several: whether other processes write to the same place, and lines say which one it was.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines(f"pid={os.getpid()}" if as_one_of_several else ""))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # Nobody asks which line, thread, process or task said it: finding out takes longer than saying it.
    logging._srcfile = None  # noqa: SLF001  # as its documentation has it, under "Optimization"
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False

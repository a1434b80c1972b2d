"""What a line of the operator's log looks like."""

from __future__ import annotations

import logging
import sys

from server.log import Lines


def record(created: float) -> logging.LogRecord:
    made = logging.LogRecord("soapstone", logging.INFO, "", 0, "event=%s", ("one",), None)
    made.created, made.msecs = created, created % 1 * 1000
    return made


def test_a_line_is_what_the_standard_library_would_write() -> None:
    lines, usual = Lines(), logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")

    for created in (1_790_000_000.25, 1_790_000_000.75, 1_790_000_001.5, 1_790_000_000.25):
        assert lines.format(record(created)) == usual.format(record(created))


def test_an_exception_stands_below_its_line() -> None:
    lines, usual = Lines(), logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    bug = record(1_790_000_000.25)
    try:
        raise ValueError("a bug")
    except ValueError:
        bug.exc_info = sys.exc_info()

    assert lines.format(bug) == usual.format(bug)
    assert "Traceback" in lines.format(bug)

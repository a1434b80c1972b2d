"""Which tests are not measured by coverage."""

from __future__ import annotations

from collections.abc import Iterator

import coverage
import pytest


@pytest.fixture(scope="module", autouse=True)
def unmeasured() -> Iterator[None]:
    """For the rooms that see whole servers and stores at work: the pure files, which the gate is for, gain nothing by
    them, and measuring costs up to a third of their time."""
    measuring = coverage.Coverage.current()
    if measuring is not None:
        measuring.stop()
    yield
    if measuring is not None:
        measuring.start()

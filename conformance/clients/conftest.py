"""The DNS of the clients' tests: every name leads to this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.dns import Responder


@pytest.fixture(scope="module")
def responder() -> Iterator[Responder]:
    with Responder() as answering:
        answering.add("*", "A", "127.0.0.1")
        yield answering

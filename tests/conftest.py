"""What tests of all rooms ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.postgresql import Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The PostgreSQL of this run, or of this worker of it."""
    started = Cluster()
    yield started
    started.close()

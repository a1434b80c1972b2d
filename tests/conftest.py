"""What tests of all rooms ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance import postgresql, stores
from conformance.postgresql import Cluster
from tests.builders.store import given_out


@pytest.fixture
def cluster() -> Cluster:
    """The PostgreSQL of this run, or of this worker of it."""
    return postgresql.of_this_run()


# At the end of a file: its tests may share one.
@pytest.fixture(scope="module", autouse=True)
def _stores_are_removed() -> Iterator[None]:
    yield
    while given_out:
        stores.forget(given_out.pop())


def pytest_sessionfinish() -> None:
    """Leave no database running."""
    postgresql.end()

"""What tests of all rooms ask for."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings

from conformance import postgresql, stores
from conformance.postgresql import Cluster
from tests.builders.store import given_out

_YOUNG_OBJECTS = 100_000

# How long an example takes depends on what else the machine does: only what is stuck is a fault.
settings.register_profile("busy machine", deadline=timedelta(seconds=10), suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")


def pytest_collection_finish() -> None:
    """Look for cycles seldom, and not through what is loaded for good: that took a fifteenth of the run."""
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)


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

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ca_core.store.database import Database
from conformance.stores import KINDS
from tests.builders.store import Stores, stores_of


@pytest.fixture(params=KINDS)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    """An empty store with every table, of each kind in turn, that may be opened more than once."""
    async with stores_of(request.param, request, tmp_path) as made:
        yield made


@pytest.fixture
async def database(stores: Stores) -> Database:
    return await stores.open()

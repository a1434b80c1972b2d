from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ca_core.store.database import Database
from ca_core.store.migrate import migrate
from ca_core.store.opening import open_database
from server.assembly import migrations

DATABASES = ["sqlite"]
"""The kinds that the suite runs over; PostgreSQL joins with the issue that turns it on."""


@pytest.fixture(params=DATABASES)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_database({"sqlite": "sqlite:store.db"}[request.param], tmp_path, create=True)
    await migrate(opened, migrations(), now=0)
    yield opened
    await opened.close()

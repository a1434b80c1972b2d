from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.builders.acme import AcmeHouse, acme_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[AcmeHouse]:
    async with acme_house(tmp_path) as opened:
        yield opened

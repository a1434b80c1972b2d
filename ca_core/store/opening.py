"""Which database there is: what `store.url` names is opened here, and nobody else asks."""

from __future__ import annotations

from pathlib import Path

from ca_core.errors import Misconfigured
from ca_core.store.database import Database
from ca_core.store.sqlite import open_sqlite

SQLITE = "sqlite:"


async def open_database(url: str, home: Path, *, create: bool = False) -> Database:
    """Open what `store.url` names; a relative path is taken from the home.

    Args:
        create: whether the store may be new. An empty store in the place of a lost one would make every revoked
            certificate good again, so only the making of a home says so.

    Raises:
        Misconfigured: an unknown scheme, or a store that is missing or no database.
    """
    if not url.startswith(SQLITE):
        raise Misconfigured(f"store.url {url.partition(':')[0]}: is not supported; write sqlite:FILE")
    return await open_sqlite(home / url.removeprefix(SQLITE), create=create)

"""Which database there is: what `store.url` names is opened here, and nobody else asks."""

from __future__ import annotations

from pathlib import Path

from ca_core.errors import Misconfigured
from ca_core.store.database import Database
from ca_core.store.sqlite import open_sqlite

SQLITE = "sqlite:"
POSTGRESQL = "postgresql:"
CONNECTIONS = 8
"""How many connections to PostgreSQL one process opens at most, where nobody says otherwise."""


async def open_database(url: str, home: Path, *, create: bool = False, connections: int = CONNECTIONS) -> Database:
    """Open what `store.url` names; a relative path is taken from the home.

    Args:
        create: whether the store may be new. An empty store in the place of a lost one would make every revoked
            certificate good again, so only the making of a home says so.

    Raises:
        Misconfigured: an unknown scheme, or a store that is missing or no database.
    """
    if url.startswith(SQLITE):
        return await open_sqlite(home / url.removeprefix(SQLITE), create=create)
    if url.startswith(POSTGRESQL):
        # Here, because most homes are on SQLite, and to load the driver takes a command longer than its work.
        from ca_core.store.postgresql.opening import open_postgresql  # noqa: PLC0415

        return await open_postgresql(url, create=create, connections=connections)
    raise Misconfigured("store.url is of no kind that there is; write sqlite:FILE or postgresql://USER@HOST/DATABASE")

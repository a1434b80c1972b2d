"""A store with every table, in SQLite or in PostgreSQL, that several servers may open."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ca_core.store.database import Database
from ca_core.store.migrate import migrate
from ca_core.store.opening import open_database
from conformance import stores
from conformance.postgresql import Cluster
from conformance.stores import POSTGRESQL, SQLITE
from server.office import migrations

_URL = "store.url"
given_out: list[str] = []
"""The stores of this file of tests, which are removed when it is over."""


def store_of(folder: Path, kind: str = stores.WANTED) -> str:
    """What `store.url` says in a folder: of a new store, or of the one that is there."""
    said = folder / _URL
    if not said.exists():
        said.write_text(stores.new(kind))
        given_out.append(said.read_text())
    return said.read_text()


def kept(folder: Path) -> None:
    """Let a folder's store outlive the file of tests that made it."""
    given_out.remove(store_of(folder))


def copied(source: Path, target: Path) -> None:
    """Copy a folder with what its store holds, which nobody has open; whoever asked removes both."""
    shutil.copytree(source, target, dirs_exist_ok=True)
    (target / _URL).write_text(stores.copy(store_of(source)))


class Stores:
    """One store, opened as often as there are servers."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self._folder = folder
        self._opened: list[Database] = []

    async def open(self) -> Database:
        """Open it once more, as another process does; closed with the test."""
        opened = await open_database(self.url, self._folder)
        self._opened.append(opened)
        return opened

    async def close(self) -> None:
        for opened in self._opened:
            await opened.close()


async def _migrated(url: str, folder: Path) -> None:
    database = await open_database(url, folder, create=True)
    await migrate(database, migrations(), now=0)
    await database.close()


@asynccontextmanager
async def stores_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Stores]:
    """A new store of a kind."""
    if kind == SQLITE:
        stores = Stores("sqlite:store.db", folder)
        await _migrated(stores.url, folder)
        yield stores
        await stores.close()
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    name = cluster.make(template=await _template(cluster))
    stores = Stores(cluster.url(name), folder)
    yield stores
    await stores.close()
    cluster.drop(name)


_templates: dict[Cluster, str] = {}


async def _template(cluster: Cluster) -> str:
    """A database with every table, which is copied faster than made."""
    if cluster not in _templates:
        name = cluster.make()
        await _migrated(cluster.url(name), cluster.folder)
        _templates[cluster] = name
    return _templates[cluster]


_POWER_CUT = {
    SQLITE: ("CREATE TRIGGER power_cut BEFORE UPDATE ON {} BEGIN SELECT RAISE(ABORT, 'power cut'); END",),
    POSTGRESQL: (
        "CREATE FUNCTION power_cut() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''power cut''; END'",
        "CREATE TRIGGER power_cut BEFORE UPDATE ON {} EXECUTE FUNCTION power_cut()",
    ),
}
_POWER_BACK = {SQLITE: ("DROP TRIGGER power_cut",), POSTGRESQL: ("DROP FUNCTION power_cut CASCADE",)}


@asynccontextmanager
async def unchangeable(database: Database, table: str) -> AsyncIterator[None]:
    """Have every UPDATE of a table fail in the block, as on a disk that is lost."""
    kind = POSTGRESQL if database.is_shared else SQLITE
    async with database.write() as tx:
        for statement in _POWER_CUT[kind]:
            await tx.execute(statement.format(table))
    yield
    async with database.write() as tx:
        for statement in _POWER_BACK[kind]:
            await tx.execute(statement)

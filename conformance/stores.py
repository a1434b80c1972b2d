"""Which database this run is about: SQLite, or PostgreSQL where SOAPSTONE_TEST_STORE says so."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from conformance import postgresql

SQLITE, POSTGRESQL = "sqlite", "postgresql"
KINDS = (SQLITE, POSTGRESQL)
"""What the contract suite runs over, and the main of the rest."""
WANTED = os.environ.get("SOAPSTONE_TEST_STORE", SQLITE)
IN_A_FILE = "sqlite:soapstone.db"


def new(kind: str = WANTED) -> str:
    """What `store.url` says of a store that nobody has used."""
    if kind == SQLITE:
        return IN_A_FILE
    cluster = postgresql.of_this_run()
    return cluster.url(cluster.make())


def copy(url: str) -> str:
    """What `store.url` says of another store with the same in it; one in a file is copied with its folder."""
    if url.startswith("postgresql:"):
        cluster = postgresql.of_this_run()
        return cluster.url(cluster.make(template=name(url)))
    return url


def remembered(url: str, home: Path) -> Callable[[], None]:
    """What brings a store back to what it holds now; nobody may have it open, now and then."""
    if url.startswith("postgresql:"):
        cluster, kept = postgresql.of_this_run(), name(copy(url))

        def go_back() -> None:
            forget(url)
            cluster.run(f"ALTER DATABASE {kept} RENAME TO {name(url)}")

        return go_back
    file = home / url.removeprefix("sqlite:")
    held = file.read_bytes()

    def put_back() -> None:
        for path in home.glob(f"{file.name}*"):
            path.unlink()
        file.write_bytes(held)

    return put_back


def run(url: str, home: Path, sql: str) -> list[tuple[Any, ...]]:
    """Run a statement behind the server's back; return the rows, if it has any."""
    if url.startswith("postgresql:"):
        return postgresql.of_this_run().run(sql, name(url))
    with closing(sqlite3.connect(home / url.removeprefix("sqlite:"))) as store, store:
        return store.execute(sql).fetchall()


def forget(url: str) -> None:
    """Remove a store that `new` gave out, whoever is still connected to it."""
    if url.startswith("postgresql:"):
        postgresql.of_this_run().drop(name(url))


def name(url: str) -> str:
    """The database of a store in PostgreSQL."""
    return url.partition("@/")[2].partition("?")[0]

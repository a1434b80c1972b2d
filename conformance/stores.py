"""Which database this run is about: SQLite, or PostgreSQL where SOAPSTONE_TEST_STORE says so."""

from __future__ import annotations

import os

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


def forget(url: str) -> None:
    """Remove a store that `new` gave out, whoever is still connected to it."""
    if url.startswith("postgresql:"):
        postgresql.of_this_run().drop(url.partition("@/")[2].partition("?")[0])

"""What a block asks a store, statement by statement."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ca_core.store.database import Database
from ca_core.store.sqlite import SqliteDatabase

_NUMBER = re.compile(r"\d+")


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """The statements of every connection, in their order, as they were written: values are not in them.

    SQLite tells what runs, with the values in their places; what is kept of it is the text up to the first of them.
    """
    assert isinstance(database, SqliteDatabase)
    seen: list[str] = []
    for connection in database.connections:
        connection.set_trace_callback(lambda text: seen.append(_shape(text)))
    try:
        yield seen
    finally:
        for connection in database.connections:
            connection.set_trace_callback(None)


def _shape(text: str) -> str:
    """Without literals: what stands between quotation marks, and digits."""
    parts = text.split("'")
    return _NUMBER.sub("#", "?".join(parts[::2]))

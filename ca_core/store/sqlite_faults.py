"""What SQLite raises, as refusals of ours."""

from __future__ import annotations

import sqlite3

from ca_core.errors import Damaged, StoreUnavailable

_RETRY_AFTER_SECONDS = 2
_PASSING_FAULTS = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
    }
)
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRIMARY_CODE = 0xFF


def code_of(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 for what the library found by itself."""
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE


def as_ours(error: sqlite3.Error) -> Exception:
    """What the disk or another writer causes, as a refusal to raise; an error in our SQL stays the bug that it is."""
    # Text that is not UTF-8 is found by the library, and has no code.
    has_no_code = isinstance(error, sqlite3.OperationalError) and not hasattr(error, "sqlite_errorcode")
    code = code_of(error)
    if has_no_code or code in _DAMAGE:
        return Damaged(f"the database is damaged ({error}); see: soapstone journal verify")
    if isinstance(error, sqlite3.OperationalError) and code in _PASSING_FAULTS:
        return unavailable()
    return error


def unavailable() -> StoreUnavailable:
    """What is said while the database is locked, full, not writable or away."""
    return StoreUnavailable(
        "the store cannot be used right now; try again shortly", retry_after_seconds=_RETRY_AFTER_SECONDS
    )

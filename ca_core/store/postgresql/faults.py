"""Whose it is that PostgreSQL says went wrong: the hour's, the operator's, the client's, or a bug of ours."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType

import asyncpg

from ca_core.errors import BadRequest, Damaged, Misconfigured, StoreUnavailable

FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""What the driver raises; a time that ran out is an OSError."""
_RETRY_AFTER_SECONDS = 2
# Classes and codes of SQLSTATE, PostgreSQL's documentation, appendix A.
_PASSING = (
    "08",  # the connection
    "25006",  # a standby, or a reader that writes
    "25P0",  # a transaction that idled too long, or that had failed
    "40",  # serialization failure, deadlock
    "53",  # disk full, out of memory, too many connections
    "55006",  # what somebody else uses
    "55P03",  # a lock that did not come in time
    "57",  # cancelled, shut down, starting up, database dropped
    "58000",  # the system
    "58030",  # input or output
)
_DAMAGE = ("58P01", "XX001", "XX002")
_NO_RIGHT = "42501"
_NO_TEXT = ("22021", "22P05")
_OURS_AT_ONCE = "another operation is in progress"


class _FaultsAsOurs:
    # A class, because it is around each statement: a generator would cost a twentieth of what it costs to send one.
    def __enter__(self) -> None:
        """Do nothing before."""

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if isinstance(error, FAULTS) and (ours := _as_ours(error)) is not None:
            raise ours from error


_AS_OURS = _FaultsAsOurs()


def faults_as_ours() -> AbstractContextManager[None, None]:
    """Turn what the server, its disk or the network causes into a refusal; an error in our SQL stays a bug."""
    return _AS_OURS


def _as_ours(error: Exception) -> Exception | None:
    if not isinstance(error, asyncpg.PostgresError):
        # The driver or the system speaks, of a connection that is gone; but two tasks in one transaction are a bug.
        return None if _OURS_AT_ONCE in str(error) else _unavailable()
    if isinstance(error.__cause__, UnicodeEncodeError):
        # What is no text comes to no server; it is the same error as in SQLite.
        return UnicodeEncodeError(*error.__cause__.args)
    code, said = error.sqlstate or "", error.args[0]
    if code.startswith(_PASSING) or isinstance(error, asyncpg.InvalidCachedStatementError):
        return _unavailable()
    if code in _DAMAGE:
        return Damaged(f"the database is damaged ({said}); restore it from your newest backup")
    if code == _NO_RIGHT:
        return Misconfigured(f"PostgreSQL does not let us ({said}); the role of store.url has to own the database")
    return BadRequest("a text holds a character that cannot be stored") if code in _NO_TEXT else None


def _unavailable() -> StoreUnavailable:
    return StoreUnavailable(
        "the store cannot be used right now; try again shortly", retry_after_seconds=_RETRY_AFTER_SECONDS
    )

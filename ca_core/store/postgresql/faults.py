"""Whose it is that PostgreSQL says went wrong: the hour's, the operator's, the client's, or a bug of ours."""

from __future__ import annotations

import psycopg

from ca_core.errors import BadRequest, Damaged, Misconfigured, StoreUnavailable

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
_SEEN_ON_A_STANDBY = "0A000"


def unavailable() -> StoreUnavailable:
    """Nothing is wrong with the request; it should come again."""
    return StoreUnavailable(
        "the store cannot be used right now; try again shortly", retry_after_seconds=_RETRY_AFTER_SECONDS
    )


def as_ours(error: psycopg.Error) -> Exception:
    """What to raise for an error of the driver; the error itself where it is a bug in our SQL."""
    code = error.sqlstate
    if code is None:
        # The server has a code for everything; without one, it is libpq that speaks, of a connection that is gone.
        is_of_the_connection = isinstance(error, psycopg.OperationalError) or type(error) is psycopg.DatabaseError
        return unavailable() if is_of_the_connection else error
    if code.startswith(_PASSING) or _is_read_only(error):
        return unavailable()
    if code in _DAMAGE:
        return Damaged(f"the database is damaged ({error.diag.message_primary}); restore it from your newest backup")
    if code == _NO_RIGHT:
        return Misconfigured(
            f"PostgreSQL does not let us ({error.diag.message_primary}); the role of store.url has to own the database"
        )
    if code in _NO_TEXT:
        return BadRequest("a text holds a character that cannot be stored")
    return error


def _is_read_only(error: psycopg.Error) -> bool:
    # A standby has no word of its own for a transaction that is to write: told from other missing features by the
    # only statement of ours that can ask for it.
    return error.sqlstate == _SEEN_ON_A_STANDBY and "read-write mode" in (error.diag.message_primary or "")

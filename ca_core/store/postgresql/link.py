"""One connection to PostgreSQL: statements go out together and come back in order.

libpq speaks the protocol, in its pipeline mode; here is only the waiting. What is sent together is one packet and one
answer, and each text is parsed and planned once for each connection.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import psycopg
from psycopg import pq
from psycopg.errors import error_from_result

from ca_core.store.database import Row, Value
from ca_core.store.postgresql.faults import as_ours
from ca_core.store.postgresql.spelling import spelled

_SILENCE_SECONDS = 90
"""After how long without an answer a server is taken for dead: longer than it lets a statement run."""
_BINARY = 1
_TEXT_OID, _BIGINT_OID, _BYTEA_OID, _ANY_OID = 25, 20, 17, 0
_GOOD = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)
_OCTETS_OF_BIGINT = 8


class Bound(msgspec.Struct, frozen=True):
    """One statement with its values as they travel."""

    text: bytes
    values: list[bytes | None]
    types: tuple[int, ...]


def bound(sql: str, values: Mapping[str, Value]) -> Bound:
    """Put values into their places; whole numbers are always BIGINT, so that one text has one plan."""
    statement = spelled(sql)
    sent: list[bytes | None] = []
    types: list[int] = []
    for name in statement.names:
        value = values[name]
        if isinstance(value, str):
            sent.append(value.encode())
            types.append(_TEXT_OID)
        elif isinstance(value, int):
            sent.append(value.to_bytes(_OCTETS_OF_BIGINT, "big", signed=True))
            types.append(_BIGINT_OID)
        else:
            sent.append(value)
            types.append(_ANY_OID if value is None else _BYTEA_OID)
    return Bound(statement.text, sent, tuple(types))


def _whole_number(octets: bytes) -> int:
    return int.from_bytes(octets, "big", signed=True)


def _truth(octets: bytes) -> int:
    # SQLite knows no truth but 0 and 1.
    return octets[0]


_READERS = {
    16: _truth,
    _BYTEA_OID: bytes,
    19: bytes.decode,
    _BIGINT_OID: _whole_number,
    21: _whole_number,
    23: _whole_number,
    _TEXT_OID: bytes.decode,
}
"""How each type is read, by its number in pg_type."""


def rows_of(result: pq.abc.PGresult) -> list[Row]:
    """Every row of a result."""
    columns = range(result.nfields)
    readers: list[Any] = [_READERS[result.ftype(column)] for column in columns]
    return [
        tuple(
            None if (octets := result.get_value(row, column)) is None else readers[column](octets) for column in columns
        )
        for row in range(result.ntuples)
    ]


class _Batch:
    """What was sent together: a slot for each command, and what came back for it."""

    def __init__(self, answer: asyncio.Future[list[pq.abc.PGresult]], sent_at: float) -> None:
        self.answer = answer
        self.sent_at = sent_at
        self.prepares: list[tuple[tuple[bytes, tuple[int, ...]], bytes] | None] = []
        self.results: list[pq.abc.PGresult] = []


class Link:
    """A connection in pipeline mode, with what was prepared on it.

    Attributes:
        is_lost: whether nothing more can be sent.
        is_dirty: whether a transaction was left open that has to be undone before anybody else's statement.
    """

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._socket = self._libpq.socket
        self._batches: deque[_Batch] = deque()
        self._prepared: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        self._numbers = itertools.count(1)
        self._is_writing = False
        self._watch: asyncio.TimerHandle | None = None
        self.is_lost = False
        self.is_dirty = False
        self._libpq.enter_pipeline_mode()
        self._loop.add_reader(self._socket, self._read)

    @property
    def is_idle(self) -> bool:
        """Whether everything that was sent has been answered."""
        return not self._batches

    def send(self, statements: Sequence[Bound]) -> asyncio.Future[list[pq.abc.PGresult]]:
        """Send statements together; their results come in the same order.

        When one fails the others behind it are not run, and the future holds what is to be raised.
        """
        answer: asyncio.Future[list[pq.abc.PGresult]] = self._loop.create_future()
        # Whoever was cancelled asks for no answer, and nobody else does.
        answer.add_done_callback(lambda done: None if done.cancelled() else done.exception() and None)
        batch = _Batch(answer, self._loop.time())
        self._batches.append(batch)
        try:
            self._put(batch, statements)
            self._libpq.pipeline_sync()
        except psycopg.Error as error:
            self._lose(error)
        else:
            self._flush()
        if self._watch is None and self._batches:
            self._watch = self._loop.call_later(_SILENCE_SECONDS, self._look)
        return answer

    async def settle(self) -> None:
        """Wait until everything that was sent has been answered, well or not."""
        while self._batches:
            await asyncio.wait([self._batches[-1].answer])

    async def interrupt(self) -> None:
        """Ask the server to give up the statement that it is at."""
        try:
            await self._connection.cancel_safe(timeout=_SILENCE_SECONDS)
        except psycopg.Error as error:
            self._lose(error)

    def close(self) -> None:
        """Hang up; the server undoes what was not committed."""
        self._lose(psycopg.OperationalError("closed"))

    def _put(self, batch: _Batch, statements: Sequence[Bound]) -> None:
        fresh: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        for statement in statements:
            key = (statement.text, statement.types)
            name = self._prepared.get(key) or fresh.get(key)
            if name is None:
                name = fresh[key] = b"s%d" % next(self._numbers)
                self._libpq.send_prepare(name, statement.text, statement.types)
                batch.prepares.append((key, name))
            self._libpq.send_query_prepared(
                name, statement.values, [_BINARY] * len(statement.values), result_format=_BINARY
            )
            batch.prepares.append(None)

    def _flush(self) -> None:
        try:
            is_left = self._libpq.flush() != 0
        except psycopg.Error as error:
            self._lose(error)
            return
        if is_left and not self._is_writing:
            self._loop.add_writer(self._socket, self._flush)
        elif self._is_writing and not is_left:
            self._loop.remove_writer(self._socket)
        self._is_writing = is_left

    def _read(self) -> None:
        try:
            self._libpq.consume_input()
            while self._batches and not self._libpq.is_busy():
                # None ends the results of one command; a second one in a row says that no more have come.
                result = self._libpq.get_result() or self._libpq.get_result()
                if result is None:
                    break
                self._take(result)
            if self._libpq.status == pq.ConnStatus.BAD:
                self._lose(psycopg.OperationalError("the connection was closed"))
        except psycopg.Error as error:
            self._lose(error)

    def _take(self, result: pq.abc.PGresult) -> None:
        if result.status != pq.ExecStatus.PIPELINE_SYNC:
            self._batches[0].results.append(result)
            return
        batch = self._batches.popleft()
        answers: list[pq.abc.PGresult] = []
        failed: pq.abc.PGresult | None = None
        for prepare, result_ in zip(batch.prepares, batch.results, strict=False):
            if result_.status not in _GOOD:
                failed = result_
                break
            if prepare is None:
                answers.append(result_)
            else:
                self._prepared[prepare[0]] = prepare[1]
        if batch.answer.done():
            return
        if failed is None:
            batch.answer.set_result(answers)
        else:
            batch.answer.set_exception(as_ours(error_from_result(failed)))

    def _look(self) -> None:
        self._watch = None
        if not self._batches:
            return
        waited = self._loop.time() - self._batches[0].sent_at
        if waited >= _SILENCE_SECONDS:
            self._lose(psycopg.OperationalError("the server is silent"))
        else:
            self._watch = self._loop.call_later(_SILENCE_SECONDS - waited, self._look)

    def _lose(self, error: psycopg.Error) -> None:
        if not self.is_lost:
            self.is_lost = True
            # By the number that was remembered: libpq may have closed the socket already.
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._libpq.finish()
            if self._watch is not None:
                self._watch.cancel()
        while self._batches:
            batch = self._batches.popleft()
            if not batch.answer.done():
                batch.answer.set_exception(as_ours(error))

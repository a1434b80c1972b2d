"""The hash chain: what makes an altered, removed, added or moved row of the journal show.

The hash of a row is SHA-256 over the concatenation of these fields, each encoded so that no two lists of fields
give the same octets::

    "soapstone journal row 1", hash of the row before (32 octets, 0 for the first), position,
    id, at, event, actor, registration_id, serial, detail

    absent   00
    integer  01, 8 octets, big-endian two's complement
    text     02, length of its UTF-8 in 8 octets, UTF-8
    octets   03, length in 8 octets, octets

A row that is altered has another hash; one that is altered and hashed anew breaks the row after it, and in the
end the checkpoints, which only the journal's key can sign.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

from ca_core.audit.checkpoint import Checkpoint, PublicKey
from ca_core.errors import Misconfigured

DOMAIN = "soapstone journal row 1"
_LENGTH = struct.Struct(">BQ")
_INTEGER = struct.Struct(">Bq")
_REAL = struct.Struct(">Bd")


class Entry(NamedTuple):
    """One row as it was written, before it has a place.

    Attributes:
        serial: 40 hex digits, where a certificate is concerned.
        detail: the event as JSON.
    """

    id: str
    at: int
    event: str
    actor: str
    registration_id: str | None
    serial: str | None
    detail: str


class Head(NamedTuple):
    """A place in the chain: a position, and the hash of the row there, 64 lower-case hex digits."""

    position: int
    hash: str


class Row(NamedTuple):
    """One row in its place."""

    head: Head
    entry: Entry


START = Head(0, "0" * 64)
"""Before the first row."""


class Broken(Misconfigured):
    """The journal is not what was written; the text names the first bad row and what is wrong with it."""


def row_hash(before: str, position: int, entry: Entry) -> str:
    """The hash of a row after one whose hash is `before`, both 64 lower-case hex digits."""
    fields = [_encoded(field) for field in (bytes.fromhex(before), position, *entry)]
    return sha256(_DOMAIN + b"".join(fields)).hexdigest()


def chained(head: Head, entries: Iterable[Entry]) -> list[Row]:
    """Give entries the positions after a head, without gaps, and their hashes."""
    rows: list[Row] = []
    for entry in entries:
        position = head.position + 1
        head = Head(position, row_hash(head.hash, position, entry))
        rows.append(Row(head, entry))
    return rows


class Proof:
    """Proves a journal, row by row in bounded memory.

    1  each row is at the position after the one before
    2  its hash is that of its content, its position and the row before
    3  each checkpoint is signed by the journal's key, and knows the same hash at its position
    4  the rows end where the chain's head says
    5  the last row is vouched for by a checkpoint
    6  no checkpoint knows of a row behind the last

    Args:
        checkpoints: from the database and from outside it, in any order.
    """

    def __init__(self, key: PublicKey, checkpoints: Iterable[Checkpoint]) -> None:
        self._key = key
        self._head = START
        self._vouched = 0
        self._ahead = sorted(checkpoints, key=_place, reverse=True)

    @property
    def head(self) -> Head:
        """The last row that is proved."""
        return self._head

    def take(self, rows: Iterable[Row]) -> None:
        """Prove the rows that follow.

        Raises:
            Broken: one is not what was written.
        """
        for row in rows:
            self._require_next(row)
            self._head = row.head
            while self._ahead and _place(self._ahead[-1]) <= self._head.position:
                self._check(self._ahead.pop())

    def end(self, head: Head, newest: Iterable[Checkpoint]) -> None:
        """Prove that nothing is missing behind the last row.

        Args:
            head: what the store says is the last row.
            newest: the checkpoints that the store has of it, read at the same moment.

        Raises:
            Broken: rows are missing, or nobody vouches for the last ones.
        """
        if self._ahead:
            checkpoint = self._ahead[-1]
            self._require_signed(checkpoint)
            raise Broken(
                f"the journal is truncated: it ends at position {self._head.position},"
                f" and a checkpoint knows position {checkpoint.position}"
            )
        if head != self._head:
            raise Broken(
                f"the journal is truncated, or its head was altered: the rows end at position {self._head.position},"
                f" and its head says {head.position}"
            )
        for checkpoint in newest:
            self._check(checkpoint)
        if self._vouched != self._head.position:
            raise Broken(
                f"position {self._vouched + 1} and what follows was inserted, or its checkpoint removed:"
                " no checkpoint vouches for it"
            )

    def _require_next(self, row: Row) -> None:
        (position, hash_), entry = row
        expected = self._head.position + 1
        if type(position) is not int or position < 1:
            raise Broken(f"the row {entry.id} was inserted: {position!r} is no position")
        if position > expected:
            missing = f"{expected} to {position - 1}" if position - 1 > expected else f"{expected}"
            raise Broken(f"position {missing} is missing: the row {entry.id} at position {position} follows")
        if position == self._head.position:
            raise Broken(f"position {position} is there twice: the row {entry.id} was inserted or moved")
        if position < expected:
            raise Broken(f"the row {entry.id} at position {position} is out of order")
        if row_hash(self._head.hash, position, entry) != hash_:
            raise Broken(f"position {position} was altered: the row {entry.id} is not the one that was written there")

    def _check(self, checkpoint: Checkpoint) -> None:
        self._require_signed(checkpoint)
        if checkpoint.position != self._head.position:
            raise Broken(f"the checkpoint of position {checkpoint.position!r} is of no row")
        if checkpoint.hash != self._head.hash:
            raise Broken(
                f"position {checkpoint.position}, or one before it, was replaced: its checkpoint knows another row"
            )
        self._vouched = checkpoint.position

    def _require_signed(self, checkpoint: Checkpoint) -> None:
        if not self._key.vouches_for(checkpoint):
            raise Broken(f"the checkpoint of position {checkpoint.position!r} is not signed by the journal's key")


def _place(checkpoint: Checkpoint) -> int:
    """Where a checkpoint is looked at; one without a usable position first of all."""
    return checkpoint.position if type(checkpoint.position) is int else 0


def _encoded(value: object) -> bytes:
    """One field. A damaged store may hold what we never write, such as a real number: that too has a spelling."""
    if type(value) is str:
        text = value.encode("utf-8", "surrogatepass")
        return _LENGTH.pack(2, len(text)) + text
    if value is None:
        return b"\x00"
    if type(value) is int:
        return _INTEGER.pack(1, value)
    if type(value) is bytes:
        return _LENGTH.pack(3, len(value)) + value
    return _REAL.pack(4, value)


_DOMAIN = _encoded(DOMAIN)

"""Proving a whole stored journal, page by page."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ca_core.audit.chain import Broken, Proof, Row
from ca_core.audit.checkpoint import Checkpoint, PublicKey
from ca_core.errors import Damaged
from ca_core.store import journal as store
from ca_core.store.database import Database, Transaction

PAGE = 5000


class Proven(msgspec.Struct, frozen=True):
    """What was proved: so many rows, from the first one to a head.

    Attributes:
        hash: of the last row, 64 hex digits.
        checkpoints: how many agree.
    """

    rows: int
    hash: str
    checkpoints: int


async def verify(database: Database, key: PublicKey, outside: Iterable[Checkpoint]) -> Proven:
    """Prove a journal from its first row to its last, while it may grow.

    Args:
        outside: checkpoints kept elsewhere; read before the database is.

    Raises:
        Broken: names the first bad row and what is wrong with it.
        StoreUnavailable, Damaged: the database cannot be read now, or not any more.
    """
    async with database.read() as tx:
        checkpoints = [*outside, *await store.checkpoints(tx)]
    proof = Proof(key, checkpoints)
    last: tuple[int, str] | None = None
    while True:
        # The end is read before the page: when no row follows, it is the end of just these rows.
        async with database.read() as tx:
            head, newest = await store.end(tx)
            rows = await _page(tx, last)
        if not rows:
            proof.end(head, newest)
            return Proven(proof.head.position, proof.head.hash, len(checkpoints))
        proof.take(rows)
        last = rows[-1].head.position, rows[-1].entry.id


async def _page(tx: Transaction, last: tuple[int, str] | None) -> list[Row]:
    """A page, or single rows when one among them cannot be read at all, so that it can be named."""
    try:
        return await store.page(tx, last, most=PAGE)
    except Damaged:
        try:
            return await store.page(tx, last, most=1)
        except Damaged as error:
            place = f"behind position {last[0]}" if last else "at the beginning"
            raise Broken(f"the row {place} was altered and cannot be read: {error}") from None

"""The sequencer: gives the journal's rows their places in the chain, and signs where it ends.

Writers insert rows and wait for nobody; a row is in its place within a second of its commit. A turn is

1  compare    the checkpoint outside with the database, once: an older database was restored if it is ahead
2  chain      rows without a place, a thousand in a transaction, each with a checkpoint in the database
3  vouch      write the newest checkpoint outside, unless step 1 found something
"""

from __future__ import annotations

import asyncio

from ca_core.audit import chain, journal
from ca_core.audit.chain import Broken, Head
from ca_core.audit.checkpoint import Checkpoint, JournalKey
from ca_core.audit.event import RestoreAcknowledged
from ca_core.audit.gate import Gate
from ca_core.audit.outside import CheckpointFile
from ca_core.clock import Clock
from ca_core.errors import Busy, Misconfigured
from ca_core.store import journal as store
from ca_core.store.database import Database

BATCH = 1000
ACKNOWLEDGE = "look into it, and when the loss is known and accepted, run: soapstone restore --acknowledge"


class Sequencer:
    """Chains one home's journal."""

    def __init__(self, database: Database, clock: Clock, key: JournalKey, outside: CheckpointFile, gate: Gate) -> None:
        self._database = database
        self._clock = clock
        self._key = key
        self._outside = outside
        self._gate = gate
        self._vouched: int | None = None

    async def turn(self) -> None:
        """One turn of the worker; what stands against it is for the gate to know, and the next turn tries again."""
        self._gate.begin(self._clock.now())
        try:
            found = await self.advance()
        except (Busy, Misconfigured) as error:
            self._gate.failed(str(error))
        else:
            if found:
                self._gate.hold(f"{found}; {ACKNOWLEDGE}")
            else:
                self._gate.succeeded()

    async def advance(self) -> str:
        """Take one turn; return what step 1 found, in words for the operator, or nothing.

        Raises:
            StoreUnavailable: the database cannot be written now.
            Misconfigured: the checkpoint file cannot be written.
            Broken: the rows are not those that were chained.
        """
        found = "" if self._vouched is not None else await self.compare()  # 1
        head = await self._chain()  # 2
        if not found and head.position != self._vouched:  # 3
            await self._vouch(head)
        return found

    async def acknowledge(self, *, actor: str) -> RestoreAcknowledged:
        """Go on with an older journal than the checkpoint outside knows; what was lost is recorded.

        Raises:
            Misconfigured: there is nothing to acknowledge, or the checkpoint file cannot be written.
            StoreUnavailable, Broken: as `advance()`.
        """
        found = await self.compare()
        if not found:
            raise Misconfigured("there is nothing to acknowledge: the database and the checkpoint outside it agree")
        head = await self._chain()
        event = RestoreAcknowledged(position=head.position, known_position=await self._known_position(), found=found)
        now = self._clock.now()
        async with self._database.write() as tx:
            await journal.record(tx, event, now=now, actor=actor)
        await self._vouch(await self._chain(), back=True)
        return event

    async def compare(self) -> str:
        """Step 1: what is wrong between the database and the checkpoint outside it, in words; nothing if all is well.

        Raises:
            Misconfigured: the file cannot be read.
            StoreUnavailable: the database cannot be read now.
        """
        try:
            known = await asyncio.to_thread(self._outside.read)
        except Broken as error:
            return str(error)
        async with self._database.read() as tx:
            head, _ = await store.head(tx)
            there = None if known is None else await store.hash_at(tx, known.position)
        if known is None:
            missing = f"the checkpoint file {self._outside.path} is missing, and the journal has {head.position} rows"
            return missing if head.position else ""
        if known.position > head.position:
            return (
                f"the database is older than the checkpoint in {self._outside.path}: its journal ends at position"
                f" {head.position}, and position {known.position} is known"
            )
        if there != known.hash:
            return (
                f"the database is another one than the checkpoint in {self._outside.path} knows: its journal has"
                f" another row at position {known.position}"
            )
        return ""

    async def _known_position(self) -> int | None:
        try:
            known = await asyncio.to_thread(self._outside.read)
        except Broken:
            return None
        return known.position if known else None

    async def _chain(self) -> Head:
        """Give every row its place; return where the chain ends then."""
        while True:
            async with self._database.read() as tx:
                head, is_sound = await store.head(tx)
                waiting = await store.unsequenced(tx, most=BATCH)
            if not is_sound:
                raise Broken(
                    f"the journal's rows and its head at position {head.position} do not agree;"
                    " find the row with: soapstone journal verify"
                )
            if not waiting:
                return head
            rows = chain.chained(head, waiting)
            checkpoint = self._signed(rows[-1].head)
            async with self._database.write() as tx:
                # When another process was faster, its rows are seen in the next round.
                await store.append(tx, head, rows, checkpoint)

    async def _vouch(self, head: Head, *, back: bool = False) -> None:
        if head.position:
            await asyncio.to_thread(self._outside.write, self._signed(head), back=back)
            self._vouched = head.position

    def _signed(self, head: Head) -> Checkpoint:
        return self._key.sign(head.position, head.hash, at=self._clock.now())

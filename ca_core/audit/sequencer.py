"""The sequencer: gives the journal's rows their places in the chain, and signs where it ends.

Writers insert rows and wait for nobody; a row is in its place within a second of its commit. A turn is

1  compare    the checkpoint outside, and what this process last vouched for, with the database: an older
              database was restored, or rows were cut off, if either is ahead
2  chain      rows without a place, a thousand in a transaction, each with a checkpoint in the database
3  vouch      write the newest checkpoint outside, unless step 1 found something

Several processes of one home take turns at the same time. What one of them writes outside is in the database before,
and never older than what was there, but for `restore --acknowledge`, which is a row of the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

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
LATE_SECONDS = 2
"""A row that waits for longer is chained by whoever sees it, whosever duty it is."""
ACKNOWLEDGE = "look into it, and when the loss is known and accepted, run: soapstone restore --acknowledge"


class Sequencer:
    """Chains one home's journal.

    Args:
        has_duty: whether this process is the one that takes step 2 for all; the others see that it is taken in time,
            and take it too when it is not. Nothing goes wrong when several do: the rest of their work is for nothing.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        key: JournalKey,
        outside: CheckpointFile,
        gate: Gate,
        *,
        has_duty: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self._has_duty = has_duty
        self._database = database
        self._clock = clock
        self._key = key
        self._outside = outside
        self._gate = gate
        self._vouched: Checkpoint | None = None

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
            Misconfigured: the checkpoint file cannot be written, or had to be put back.
            Broken: the rows are not those that were chained.
        """
        found = await self._compare()  # 1
        head = await self._chained_by_another() or await self.chain()  # 2
        if found or (self._vouched is not None and head.position <= self._vouched.position):
            return found
        # Asked again, because rows may have been cut off since step 1, and a new checkpoint would hide it.
        cut_off = "" if self._vouched is None else await self._against(self._vouched)
        return cut_off or await self._vouch(head)  # 3

    async def acknowledge(self, *, actor: str) -> RestoreAcknowledged:
        """Go on with an older journal than the checkpoint outside knows; what was lost is recorded.

        Raises:
            Misconfigured: there is nothing to acknowledge, or the checkpoint file cannot be written.
            StoreUnavailable, Broken: as `advance()`.
        """
        found = await self._first_look()
        if not found:
            raise Misconfigured("there is nothing to acknowledge: the database and the checkpoint outside it agree")
        head = await self.chain()
        event = RestoreAcknowledged(position=head.position, known_position=await self._known_position(), found=found)
        now = self._clock.now()
        async with self._database.write() as tx:
            await journal.record(tx, event, now=now, actor=actor)
        await self._vouch(await self.chain(), back=True)
        return event

    async def _compare(self) -> str:
        """Step 1: what is wrong, in words; nothing if all is well.

        Raises:
            Misconfigured: the file cannot be read, or it was taken back and this has put it right.
            StoreUnavailable: the database cannot be read now.
        """
        if self._vouched is None:
            return await self._first_look()
        try:
            known = await asyncio.to_thread(self._outside.look)
        except Broken as error:
            return str(error)
        mine = self._vouched
        cut_off = await self._against(mine)
        if known == mine:
            return cut_off
        is_behind = known is None or known.position < mine.position
        if known is not None and (is_behind or cut_off) and await self._was_acknowledged(known, since=mine.at):
            self._vouched = known
            return ""
        if known is not None and not is_behind:
            found = cut_off or await self._against(known)
            self._vouched = mine if found else known
            return found
        # So that a new process, which remembers nothing, is not deceived by the older one.
        await asyncio.to_thread(self._outside.write, mine)
        if not cut_off:
            raise Misconfigured(
                f"the checkpoint file {self._outside.path} was removed or replaced by an older one; the newest, of"
                f" position {mine.position}, is put back and nothing is lost; find out who did it"
            )
        return cut_off

    async def _first_look(self) -> str:
        """As `_compare()`, of a process that remembers nothing."""
        try:
            known = await asyncio.to_thread(self._outside.read)
        except Broken as error:
            return str(error)
        if known is None:
            async with self._database.read() as tx:
                head, _ = await store.head(tx)
            missing = (
                f"the checkpoint file {self._outside.path} is missing, as after a restore, and the journal has"
                f" {head.position} rows"
            )
            return missing if head.position else ""
        found = await self._against(known)
        if not found:
            self._vouched = known
        return found

    async def _against(self, known: Checkpoint) -> str:
        """What is wrong between the database and a checkpoint, in words; nothing if all is well."""
        async with self._database.read() as tx:
            there = await store.hash_at(tx, known.position)
            if there == known.hash:
                return ""
            head, _ = await store.head(tx)
        if known.position > head.position:
            return (
                f"the database is older than the checkpoint in {self._outside.path}: its journal ends at position"
                f" {head.position}, and position {known.position} is known"
            )
        return (
            f"the database is another one than the checkpoint in {self._outside.path} knows: its journal has"
            f" another row at position {known.position}"
        )

    async def _was_acknowledged(self, known: Checkpoint, *, since: int) -> bool:
        """Whether another process has gone back to what is outside now, as an operator wanted and the journal tells."""
        async with self._database.read() as tx:
            is_told = await store.has_acknowledgement(tx, since=since, until=known.position)
        return is_told and not await self._against(known)

    async def _known_position(self) -> int | None:
        try:
            known = await asyncio.to_thread(self._outside.read)
        except Broken:
            return None
        return known.position if known else None

    async def _chained_by_another(self) -> Head | None:
        """Where the chain ends, if another process chains what waits, and does it in time."""
        if self._has_duty is None or await self._has_duty():
            return None
        async with self._database.read() as tx:
            head, is_sound = await store.head(tx)
            waits_since = await store.waits_since(tx)
        is_late = waits_since is not None and waits_since < self._clock.now() - LATE_SECONDS
        return None if is_late or not is_sound else head

    async def chain(self) -> Head:
        """Step 2: give every row its place; return where the chain ends then.

        Raises:
            StoreUnavailable, Broken: as `advance()`.
        """
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

    async def _vouch(self, head: Head, *, back: bool = False) -> str:
        """Step 3; return what is wrong with a newer checkpoint, should there be one."""
        if not head.position:
            return ""
        there = await asyncio.to_thread(self._outside.write, self._signed(head), back=back)
        found = await self._against(there)
        if not found:
            self._vouched = there
        return found

    def _signed(self, head: Head) -> Checkpoint:
        return self._key.sign(head.position, head.hash, at=self._clock.now())

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ca_core.audit import journal
from ca_core.audit.chain import Broken
from ca_core.audit.event import SheetIssued
from ca_core.audit.gate import PATIENCE_SECONDS, Gate
from ca_core.audit.sequencer import BATCH, LATE_SECONDS, Sequencer
from ca_core.audit.verification import Proven, verify
from ca_core.errors import JournalUnavailable, Misconfigured, RestoreUnacknowledged
from ca_core.store import journal as store
from ca_core.store.database import Database
from ca_core.store.migrate import migrate
from ca_core.store.opening import open_database
from tests.builders.clock import SettableClock
from tests.builders.core import MIGRATIONS
from tests.builders.journal import KEY, checkpoint_file, sequencer


class Kept:
    """A database with a journal, and what keeps it."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self.clock = SettableClock()
        self.restart()

    def restart(self) -> None:
        self.gate = Gate()
        self.sequencer: Sequencer = sequencer(self.database, self.clock, self.folder, self.gate)

    async def record(self, count: int) -> None:
        async with self.database.write() as tx:
            for number in range(count):
                await journal.record(tx, SheetIssued(number=number), now=self.clock.now(), actor="test")

    async def position(self) -> int:
        async with self.database.read() as tx:
            return (await store.head(tx))[0].position

    async def sql(self, sql: str) -> None:
        async with self.database.write() as tx:
            await tx.execute(sql)

    async def verify(self) -> Proven:
        known = checkpoint_file(self.folder).read()
        return await verify(self.database, KEY.public, [known] if known else [])


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    database = await open_database("sqlite:soapstone.db", tmp_path, create=True)
    await migrate(database, MIGRATIONS, now=0)
    built = Kept(database, tmp_path)
    yield built
    await built.database.close()


async def test_what_is_recorded_is_chained_and_vouched_for_in_the_next_turn(kept: Kept) -> None:
    await kept.record(3)

    await kept.sequencer.turn()

    assert await kept.verify() == Proven(3, (await kept.verify()).hash, 2)
    known = checkpoint_file(kept.folder).read()
    assert known is not None
    assert (known.position, known.at) == (3, kept.clock.now())


async def test_a_journal_that_is_older_than_its_chain_is_chained_in_batches(kept: Kept) -> None:
    await kept.record(2 * BATCH + 5)

    await kept.sequencer.turn()

    proven = await kept.verify()
    assert proven.rows == 2 * BATCH + 5
    assert proven.checkpoints == 4  # one of each thousand, the newest, and the one outside


async def test_the_rows_of_one_transaction_stay_in_their_order(kept: Kept) -> None:
    await kept.record(50)

    await kept.sequencer.turn()

    async with kept.database.read() as tx:
        rows = await store.page(tx, None, most=100)
    assert [row.entry.detail for row in rows] == [f'{{"event":"sheet-issued","number":{n}}}' for n in range(50)]


async def test_rows_of_a_clock_that_went_back_follow_those_that_have_a_place(kept: Kept) -> None:
    await kept.record(2)
    await kept.sequencer.turn()
    kept.clock.move(-86_400)
    await kept.record(2)

    await kept.sequencer.turn()

    assert (await kept.verify()).rows == 4


async def test_a_turn_without_news_writes_nothing(kept: Kept) -> None:
    await kept.record(1)
    await kept.sequencer.turn()
    before = checkpoint_file(kept.folder).path.stat().st_ino

    await kept.sequencer.turn()

    assert checkpoint_file(kept.folder).path.stat().st_ino == before


async def test_who_is_not_on_duty_leaves_the_chain_to_who_is_and_vouches_for_it(kept: Kept) -> None:
    gate = Gate()
    other = sequencer(kept.database, kept.clock, kept.folder, gate, on_duty=False)
    await kept.record(3)
    await kept.sequencer.turn()
    await kept.record(2)

    await other.turn()
    assert await kept.position() == 3
    await kept.sequencer.chain()
    await other.turn()

    known = checkpoint_file(kept.folder).read()
    assert known is not None
    assert known.position == 5
    assert gate.is_open(kept.clock.now())


async def test_rows_that_nobody_chains_in_time_are_chained_by_who_sees_them(kept: Kept) -> None:
    other = sequencer(kept.database, kept.clock, kept.folder, on_duty=False)
    await kept.record(3)
    kept.clock.move(LATE_SECONDS + 1)

    await other.turn()

    assert await kept.position() == 3


async def test_several_sequencers_never_fork_the_chain(kept: Kept) -> None:
    other = await open_database("sqlite:soapstone.db", kept.folder)
    several = [sequencer(database, kept.clock, kept.folder) for database in (kept.database, other, kept.database)]

    for _ in range(10):
        await kept.record(30)
        await asyncio.gather(*(one.advance() for one in several))

    await other.close()
    assert (await kept.verify()).rows == 300


async def test_a_checkpoint_file_that_cannot_be_written_closes_the_gate_after_a_minute(kept: Kept) -> None:
    await kept.record(1)
    await kept.sequencer.turn()
    outside = checkpoint_file(kept.folder).path
    outside.parent.rename(kept.folder / "away")
    outside.parent.write_text("a file where the folder was")
    await kept.record(1)

    await kept.sequencer.turn()

    kept.gate.require_open(kept.clock.now())
    kept.clock.move(PATIENCE_SECONDS + 1)
    with pytest.raises(JournalUnavailable):
        kept.gate.require_open(kept.clock.now())
    assert "cannot be written" in kept.gate.trouble
    outside.parent.unlink()
    (kept.folder / "away").rename(outside.parent)
    await kept.sequencer.turn()
    kept.gate.require_open(kept.clock.now())
    assert (await kept.verify()).rows == 2


async def test_a_gate_does_not_open_at_a_start_that_cannot_keep_the_journal(kept: Kept) -> None:
    (kept.folder / "journal").write_text("a file where the folder should be")
    await kept.record(1)

    await kept.sequencer.turn()

    with pytest.raises(JournalUnavailable):
        kept.gate.require_open(kept.clock.now())


async def test_rows_that_do_not_agree_with_the_head_are_not_built_upon(kept: Kept) -> None:
    await kept.record(3)
    await kept.sequencer.turn()
    await kept.sql("DELETE FROM journal WHERE position = 3")
    await kept.record(1)

    with pytest.raises(Broken, match="journal verify"):
        await kept.sequencer.advance()
    with pytest.raises(Broken, match="truncated"):
        await kept.verify()


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM journal_head",
        "UPDATE journal_head SET position = position - 1",
        "UPDATE journal SET hash = 'x' WHERE position = 3",
    ],
)
async def test_a_head_that_was_altered_is_found(kept: Kept, sql: str) -> None:
    await kept.record(3)
    await kept.sequencer.turn()
    await kept.sql(sql)

    with pytest.raises(Broken):
        await kept.sequencer.advance()
    with pytest.raises(Broken):
        await kept.verify()


async def restored(kept: Kept) -> None:
    """Put back a database of 3 rows where the checkpoint outside knows 5."""
    await kept.record(3)
    await kept.sequencer.turn()
    await kept.database.backup(kept.folder / "older.db")
    await kept.record(2)
    await kept.sequencer.turn()
    await kept.database.close()
    for name in ("soapstone.db", "soapstone.db-wal", "soapstone.db-shm"):
        (kept.folder / name).unlink(missing_ok=True)
    shutil.copy(kept.folder / "older.db", kept.folder / "soapstone.db")
    kept.database = await open_database("sqlite:soapstone.db", kept.folder)
    kept.restart()


async def test_an_older_database_is_noticed_and_waits_to_be_acknowledged(kept: Kept) -> None:
    await restored(kept)

    await kept.sequencer.turn()

    with pytest.raises(RestoreUnacknowledged):
        kept.gate.require_open(kept.clock.now())
    assert "ends at position 3, and position 5 is known" in kept.gate.trouble
    assert "soapstone restore --acknowledge" in kept.gate.trouble
    with pytest.raises(Broken, match="truncated"):
        await kept.verify()


async def test_an_acknowledged_restore_is_recorded_and_opens_the_gate_of_a_running_server(kept: Kept) -> None:
    await restored(kept)
    await kept.sequencer.turn()
    await kept.record(4)
    await kept.sequencer.turn()
    await kept.sequencer.turn()
    assert "another row at position 5" in kept.gate.trouble

    event = await sequencer(kept.database, kept.clock, kept.folder).acknowledge(actor="cli:operator:test")

    assert (event.position, event.known_position) == (7, 5)
    await kept.sequencer.turn()
    kept.gate.require_open(kept.clock.now())
    assert (await kept.verify()).rows == 8


async def test_a_lost_or_damaged_checkpoint_file_waits_to_be_acknowledged(kept: Kept) -> None:
    await kept.record(3)
    await kept.sequencer.turn()
    for damage in (Path.unlink, lambda path: path.write_text("garbage")):
        damage(checkpoint_file(kept.folder).path)
        kept.restart()
        await kept.sequencer.turn()

        with pytest.raises(RestoreUnacknowledged):
            kept.gate.require_open(kept.clock.now())

        await kept.sequencer.acknowledge(actor="test")
        await kept.sequencer.turn()
        kept.gate.require_open(kept.clock.now())
    assert (await kept.verify()).rows == 5


@pytest.mark.parametrize("is_replaced", [False, True])
async def test_a_checkpoint_file_that_is_taken_back_on_an_idle_server_is_told_and_put_right(
    kept: Kept, is_replaced: bool
) -> None:
    outside = checkpoint_file(kept.folder).path
    await kept.record(3)
    await kept.sequencer.turn()
    older = outside.read_bytes()
    await kept.record(2)
    await kept.sequencer.turn()
    newest = outside.read_bytes()
    outside.unlink()
    if is_replaced:
        outside.write_bytes(older)

    await kept.sequencer.turn()

    assert "was removed or replaced by an older one" in kept.gate.trouble
    assert outside.read_bytes() == newest
    await kept.sequencer.turn()
    assert kept.gate.trouble == ""
    kept.gate.require_open(kept.clock.now())


async def cut_off(kept: Kept, *, at: int) -> None:
    """What somebody with SQL does: a shorter journal that is in perfect order."""
    await kept.sql(f"DELETE FROM journal WHERE position > {at}")  # noqa: S608  # a number of ours
    await kept.sql(f"UPDATE journal_head SET position = {at}, hash = (SELECT hash FROM journal WHERE position = {at})")  # noqa: S608  # as above
    await kept.sql("DELETE FROM journal_checkpoints")


@pytest.mark.parametrize("outside_is", ["kept", "removed", "older"])
async def test_rows_that_are_cut_off_while_serving_close_the_gate_and_stay_noticed(kept: Kept, outside_is: str) -> None:
    outside = checkpoint_file(kept.folder).path
    await kept.record(10)
    await kept.sequencer.turn()
    older = outside.read_bytes()
    kept.clock.move(60)
    await kept.record(10)
    await kept.sequencer.turn()
    await cut_off(kept, at=10)
    if outside_is != "kept":
        outside.unlink()
    if outside_is == "older":
        outside.write_bytes(older)

    await kept.sequencer.turn()

    with pytest.raises(RestoreUnacknowledged):
        kept.gate.require_open(kept.clock.now())
    assert "ends at position 10, and position 20 is known" in kept.gate.trouble
    await kept.record(15)
    for _ in range(3):
        await kept.sequencer.turn()
    with pytest.raises(RestoreUnacknowledged):
        kept.gate.require_open(kept.clock.now())
    assert "another row at position 20" in kept.gate.trouble
    with pytest.raises(Broken):
        await kept.verify()
    kept.restart()
    await kept.sequencer.turn()
    with pytest.raises(RestoreUnacknowledged):
        kept.gate.require_open(kept.clock.now())


async def test_rows_that_are_cut_off_and_followed_by_more_at_once_are_noticed(kept: Kept) -> None:
    await kept.record(20)
    await kept.sequencer.turn()
    await cut_off(kept, at=10)
    await kept.record(15)

    await kept.sequencer.turn()

    with pytest.raises(RestoreUnacknowledged):
        kept.gate.require_open(kept.clock.now())
    known = checkpoint_file(kept.folder).read()
    assert known is not None
    assert known.position == 20


@pytest.mark.parametrize("more", [0, 15])
async def test_a_running_server_goes_on_when_another_process_acknowledges_what_was_cut_off(
    kept: Kept, more: int
) -> None:
    await kept.record(20)
    await kept.sequencer.turn()
    await cut_off(kept, at=10)
    await kept.sequencer.turn()
    await kept.record(more)
    other = sequencer(kept.database, kept.clock, kept.folder)

    await other.acknowledge(actor="cli:operator:test")
    await kept.record(1)
    await other.advance()
    await kept.sequencer.turn()

    assert kept.gate.trouble == ""
    kept.gate.require_open(kept.clock.now())
    assert (await kept.verify()).rows == 10 + more + 2


async def test_what_another_process_chains_and_vouches_for_is_taken_over(kept: Kept) -> None:
    other = sequencer(kept.database, kept.clock, kept.folder)
    for _ in range(3):
        await kept.record(2)
        await kept.sequencer.turn()
        assert kept.gate.trouble == ""
        await kept.record(2)
        assert await other.advance() == ""
    await kept.sequencer.turn()

    await cut_off(kept, at=11)
    await kept.sequencer.turn()

    assert "ends at position 11, and position 12 is known" in kept.gate.trouble


async def test_a_checkpoint_that_is_ahead_of_a_running_server_closes_the_gate(kept: Kept) -> None:
    await kept.record(3)
    await kept.sequencer.turn()
    checkpoint_file(kept.folder).write(KEY.sign(9, "ab" * 32, at=kept.clock.now()))

    await kept.sequencer.turn()

    with pytest.raises(RestoreUnacknowledged):
        kept.gate.require_open(kept.clock.now())
    await kept.record(10)
    await kept.sequencer.turn()
    await kept.sequencer.turn()
    assert "another row at position 9" in kept.gate.trouble


async def test_a_checkpoint_file_that_is_altered_on_an_idle_server_closes_the_gate(kept: Kept) -> None:
    await kept.record(3)
    await kept.sequencer.turn()
    checkpoint_file(kept.folder).path.write_text("garbage")

    await kept.sequencer.turn()

    with pytest.raises(RestoreUnacknowledged):
        kept.gate.require_open(kept.clock.now())
    await sequencer(kept.database, kept.clock, kept.folder).acknowledge(actor="cli:operator:test")
    await kept.sequencer.turn()
    kept.gate.require_open(kept.clock.now())


async def test_there_is_nothing_to_acknowledge_where_all_is_well(kept: Kept) -> None:
    await kept.record(3)
    await kept.sequencer.turn()

    with pytest.raises(Misconfigured, match="nothing to acknowledge"):
        await kept.sequencer.acknowledge(actor="test")


async def test_a_slower_process_never_puts_an_older_checkpoint_back(kept: Kept) -> None:
    await kept.record(3)
    await kept.sequencer.turn()
    outside = checkpoint_file(kept.folder)

    there = outside.write(KEY.sign(2, "ab" * 32, at=1))

    known = outside.read()
    assert known is not None
    assert there == known
    assert known.position == 3


async def test_a_row_that_cannot_even_be_read_is_found(kept: Kept) -> None:
    await kept.record(3)
    await kept.sequencer.turn()
    await kept.sql("UPDATE journal SET actor = CAST(x'ff' AS TEXT) WHERE position = 2")

    with pytest.raises(Broken, match="row behind position 1 was altered and cannot be read"):
        await kept.verify()

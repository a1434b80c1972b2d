"""A journal in its chain, kept as the server keeps it."""

from __future__ import annotations

from pathlib import Path

from ca_core.audit.checkpoint import JournalKey
from ca_core.audit.gate import Gate
from ca_core.audit.outside import CheckpointFile
from ca_core.audit.sequencer import Sequencer
from ca_core.store.database import Database
from tests.builders.clock import SettableClock

KEY = JournalKey(bytes(range(32)))


def checkpoint_file(folder: Path) -> CheckpointFile:
    return CheckpointFile(folder / "journal" / "checkpoint", folder / "journal" / "lock", KEY.public)


def sequencer(
    database: Database, clock: SettableClock, folder: Path, gate: Gate | None = None, *, on_duty: bool = True
) -> Sequencer:
    """A sequencer as a process that has just started has it."""

    async def has_duty() -> bool:
        return on_duty

    return Sequencer(database, clock, KEY, checkpoint_file(folder), gate or Gate(), has_duty=has_duty)

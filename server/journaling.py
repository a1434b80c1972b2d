"""A home's journal: its key, its checkpoint file, and the sequencer over them."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from ca_core.audit.checkpoint import SEED_OCTETS, JournalKey
from ca_core.audit.event import Event, ServerStarted, ServerStopped
from ca_core.audit.gate import Gate
from ca_core.audit.journal import record
from ca_core.audit.outside import CheckpointFile
from ca_core.audit.sequencer import Sequencer
from ca_core.errors import Misconfigured, StoreUnavailable
from ca_core.files import write_new
from ca_core.store import journal
from server.office import Office
from server.settings import FILE_NAME, Settings, read_secret

FOLDER = "journal"
_LOCK = f"{FOLDER}/lock"
_FILE = "file:"
_ACTOR = "server:serving"
DUTY = "sequencer"
"""Whoever serves asks for it several times a second, so that one of them always has it."""
_LOG = logging.getLogger("soapstone.journal")


def checkpoint_path(home: Path, settings: Settings) -> Path:
    """Where the newest checkpoint is kept outside the database."""
    return home / settings.journal.checkpoint_file


async def open_key(office: Office) -> JournalKey:
    """Open the journal's key; a home that has never signed a checkpoint gets one.

    Raises:
        Misconfigured: it cannot be read, or it is gone and checkpoints need it.
    """
    reference = office.settings.journal.key
    path = office.home / reference.removeprefix(_FILE)
    if reference.startswith(_FILE) and not path.exists():
        async with office.database.read() as tx:
            signed = await journal.checkpoints(tx)
        if signed or checkpoint_path(office.home, office.settings).is_file():
            raise Misconfigured(f"the journal's key {path} is missing; restore it from your backup")
        write_new(path, f"{secrets.token_hex(SEED_OCTETS)}\n".encode(), mode=0o600)
    try:
        seed = bytes.fromhex(read_secret(reference, office.home).reveal())
    except ValueError:
        seed = b""
    if len(seed) != SEED_OCTETS:
        raise Misconfigured("journal.key must refer to 64 hex digits; restore it from your backup")
    return JournalKey(seed)


async def open_checkpoint_file(office: Office) -> CheckpointFile:
    """The file outside the database.

    Raises:
        Misconfigured: as `open_key()`.
    """
    key = await open_key(office)
    return CheckpointFile(checkpoint_path(office.home, office.settings), office.home / _LOCK, key.public)


async def open_sequencer(
    office: Office, gate: Gate, *, has_duty: Callable[[], Awaitable[bool]] | None = None
) -> Sequencer:
    """The sequencer of a home; its turns open and close a gate.

    Args:
        has_duty: as `Sequencer` takes it.

    Raises:
        Misconfigured: as `open_key()`.
    """
    key = await open_key(office)
    outside = CheckpointFile(checkpoint_path(office.home, office.settings), office.home / _LOCK, key.public)
    return Sequencer(office.database, office.clock, key, outside, gate, has_duty=has_duty)


async def begin_journal(office: Office, gate: Gate) -> Callable[[], Awaitable[None]]:
    """Keep a home's journal while it is served: record the start, take the first turn, and return the next ones.

    Raises:
        Misconfigured: as `open_key()`.
    """
    sequencer = await open_sequencer(office, gate, has_duty=lambda: office.database.holds(DUTY))
    turn = _watched(sequencer, gate)
    digest = hashlib.sha256((office.home / FILE_NAME).read_bytes()).hexdigest()
    await _record(office, ServerStarted(metadata.version("soapstone"), digest))
    await turn()
    return turn


async def end_journal(office: Office, turn: Callable[[], Awaitable[None]]) -> None:
    """Record the stop, and take the last turn."""
    await _record(office, ServerStopped())
    await turn()


async def _record(office: Office, event: Event) -> None:
    # A disk that cannot be written stops issuance, and not the serving of what there is.
    with suppress(StoreUnavailable):
        async with office.database.write() as tx:
            await record(tx, event, now=office.clock.now(), actor=_ACTOR)


def _watched(sequencer: Sequencer, gate: Gate) -> Callable[[], Awaitable[None]]:
    """A sequencer's turn that tells the operator when something has begun or ended to stand against it."""
    told = ""

    async def turn() -> None:
        nonlocal told
        await sequencer.turn()
        if gate.trouble == told:
            return
        told = gate.trouble
        if told:
            _LOG.error("event=journal-trouble why=%r", told)
        else:
            _LOG.warning("event=journal-well")

    return turn

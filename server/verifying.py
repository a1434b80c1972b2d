"""Proving the journal for whoever asks: by one at a time, and at most once a minute, for it reads every row."""

from __future__ import annotations

import asyncio

import msgspec

from ca_core.audit.verification import verify
from ca_core.errors import Misconfigured
from server.journaling import open_checkpoint_file, open_key
from server.office import Office

_COUNTS_SECONDS = 60


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What a proof found.

    Attributes:
        at: when it was begun, UTC seconds.
        key: the fingerprint of the key that signs checkpoints.
        broken: what is wrong with the first bad row; empty where all is well.
        rows, checkpoints: how many were proved.
        hash: of the last row, 64 hex digits.
    """

    at: int
    key: str
    broken: str = ""
    rows: int = 0
    checkpoints: int = 0
    hash: str = ""


class Verifier:
    """Proves the journal of a home. Who asks by the hundred has it proved once."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._turn = asyncio.Lock()
        self._found: Verified | None = None

    async def prove(self) -> Verified:
        """Prove it, or say what was found less than a minute ago.

        Raises:
            StoreUnavailable: the database cannot be read now.
        """
        async with self._turn:
            now = self._office.clock.now()
            if self._found is None or not 0 <= now - self._found.at < _COUNTS_SECONDS:
                self._found = await self._proved(now)
            return self._found

    async def _proved(self, now: int) -> Verified:
        fingerprint = ""
        try:
            key = await open_key(self._office)
            fingerprint = key.public.fingerprint
            # Before the database: what is written meanwhile is behind it.
            outside = (await open_checkpoint_file(self._office)).read()
            proven = await verify(self._office.database, key.public, [outside] if outside else [])
        except Misconfigured as found:
            # What is broken, and a key or a file that cannot be read: an auditor is told of either.
            return Verified(at=now, key=fingerprint, broken=str(found))
        return Verified(
            at=now,
            key=fingerprint,
            rows=proven.rows,
            checkpoints=proven.checkpoints,
            hash=proven.hash,
        )

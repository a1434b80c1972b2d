"""The files that the CAs' keys are in or are opened by: what a copy of a home is nothing without."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ca_core.signing.key import file_behind
from ca_core.store import authorities
from ca_core.store.database import Transaction


async def key_files(tx: Transaction, home: Path) -> Sequence[Path]:
    """The keys in files, and the PINs of those in tokens; some may be elsewhere, or not there at all."""
    files = [file_behind(row.key_uri, home) for row in await authorities.every(tx)]
    return tuple(file for file in files if file is not None)

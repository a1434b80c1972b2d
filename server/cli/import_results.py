"""The result of an import: what became of each line, with the secrets of its sheet, in a file for its owner alone.

It grows under another name, `FILE.KEY.part`, and gets its own when it is whole. A run that takes an interrupted one up
goes on with the same file; a line of it that was torn is cut off, and its sheet is made anew.
"""

from __future__ import annotations

import csv
import fcntl
import io
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from ca_core.errors import Misconfigured
from ca_core.files import sync_folder
from ca_core.registration import sheet as sheet_module
from ca_core.registration.line import Outcome
from ca_core.registration.sheet import Places

_KEY_DIGITS = 12
_BLOCK_OCTETS = 1 << 16
_COLUMNS = (
    *("line", "outcome", "account", "subject", "sheet", "initial_password", "enrollment_code", "eab_kid"),
    *("eab_hmac_key", "document", "page", "request", "note"),
)
_NUMBER = re.compile(rb'(?:\{"line":)?([0-9]+)')
_SECRETS = ("initial_password", "enrollment_code", "eab")
ENDINGS = (".jsonl", ".csv")


class Printed(msgspec.Struct, frozen=True):
    """Where a sheet was printed: the name of the document, and the page."""

    document: str
    page: int


ON_NO_PAPER: Mapping[int, Printed] = MappingProxyType({})
"""Where the secrets are in the result itself."""


class ResultFile:
    """One result that is being written.

    Args:
        path: its ending says whether it is CSV or JSON Lines.
        key: of the import.

    Raises:
        Misconfigured: it exists, cannot be written, or another command writes it.
    """

    def __init__(self, path: Path, key: str, places: Places) -> None:
        require_new(path)
        self._path = path
        self._part = path.with_name(f"{path.name}.{key[:_KEY_DIGITS]}.part")
        self._places = places
        self._is_csv = path.suffix.lower() == ".csv"
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._file = os.fdopen(os.open(self._part, flags, 0o600), "r+b")
            os.fchmod(self._file.fileno(), 0o600)  # whatever the umask is
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._cut()
            self._listed = self._numbers()
            self._begin()
            sync_folder(path.parent)
        except BlockingIOError:
            raise Misconfigured(f"another command is writing {self._part}; wait for it") from None
        except OSError as error:
            raise Misconfigured(f"{self._part} cannot be written: {error.strerror}") from None

    def write(self, outcomes: Sequence[Outcome], printed: Mapping[int, Printed] = ON_NO_PAPER) -> None:
        """Add lines; when this returns they survive a power cut.

        Args:
            printed: by the numbers of lines; their secrets are on paper and not in the result.

        Raises:
            Misconfigured: it cannot be written.
        """
        # What an earlier run has written is not said again.
        new = [outcome for outcome in outcomes if outcome.sheet or outcome.line.number not in self._listed]
        rows = [self._row(outcome, printed.get(outcome.line.number)) for outcome in new]
        try:
            self._file.write(
                _as_csv(rows) if self._is_csv else b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
            )
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise Misconfigured(f"{self._part} cannot be written: {error.strerror}") from None

    def finish(self) -> None:
        """Give it its name.

        Raises:
            Misconfigured: there is such a file meanwhile; says where the result is.
        """
        try:
            os.link(self._part, self._path)
            self._part.unlink()
            sync_folder(self._path.parent)
        except OSError as error:
            raise Misconfigured(f"the result is in {self._part}: it cannot be {self._path}: {error.strerror}") from None

    def close(self) -> None:
        """Let go of the file; what is written stays."""
        # What could not be written was said, and is tried once more here.
        with suppress(OSError):
            self._file.close()

    def _cut(self) -> None:
        """Cut off a line that is not whole."""
        end = os.fstat(self._file.fileno()).st_size
        while end:
            start = max(0, end - _BLOCK_OCTETS)
            self._file.seek(start)
            newline = self._file.read(end - start).rfind(b"\n")
            end = start + newline + 1 if newline >= 0 else start
            if newline >= 0:
                break
        self._file.truncate(end)

    def _numbers(self) -> frozenset[int]:
        """The lines that are in it."""
        self._file.seek(0)
        return frozenset(int(found[1]) for line in self._file if (found := _NUMBER.match(line)))

    def _begin(self) -> None:
        """Go to its end; a new CSV file gets its header."""
        if not self._file.seek(0, os.SEEK_END) and self._is_csv:
            self._file.write(_as_csv([dict(zip(_COLUMNS, _COLUMNS, strict=True))]))

    def _row(self, outcome: Outcome, printed: Printed | None) -> dict[str, Any]:
        row: dict[str, Any] = {"line": outcome.line.number, "outcome": outcome.became.value, "account": outcome.account}
        if outcome.line.form is not None and outcome.account is not None:
            row["subject"] = outcome.line.form.subject
        row["sheet"] = outcome.number
        if outcome.sheet is not None:
            row |= msgspec.json.decode(sheet_module.as_json(outcome.sheet, self._places))
        if printed is not None:
            row |= dict.fromkeys(_SECRETS) | msgspec.structs.asdict(printed)
        faults = "; ".join(f"{fault.field}: {fault.why}" for fault in outcome.line.faults)
        row |= {"request": outcome.request, "note": " ".join((outcome.note or faults).split())}
        return row


def require_new(path: Path) -> None:
    """Let only a name pass that is free, and says what is to be written.

    Raises:
        Misconfigured: it is not, or does not.
    """
    if path.suffix.lower() not in ENDINGS:
        raise Misconfigured(f"{path} is neither CSV nor JSON Lines by its ending; name it .csv or .jsonl")
    if path.exists() or path.is_symlink():
        raise Misconfigured(f"{path} exists already and is not overwritten; choose another file")


def _as_csv(rows: Sequence[dict[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
    for row in rows:
        eab = row.get("eab") or {}
        writer.writerow(row | {f"eab_{name}": secret for name, secret in eab.items() if name != "alg"})
    return text.getvalue().encode()

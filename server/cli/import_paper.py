"""The sheets of an import on paper: documents of many pages in a folder, in the order of the import."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ca_core import files
from ca_core.clock import Clock
from ca_core.errors import FieldFault, Misconfigured, NotPrintable
from ca_core.registration.line import Line, Outcome
from ca_core.registration.sheet import Places
from server.cli.import_results import Printed
from server.sheets import printing

_KEY_DIGITS = 12
PER_DOCUMENT = 1000
"""From how many sheets on a document is closed; while it is set, none of them is on the disk."""


class Paper:
    """A folder for documents, each its owner's alone.

    Args:
        folder: made where it is not there.
        key: of the import; part of the documents' names.

    Raises:
        Misconfigured: it cannot be made.
    """

    def __init__(self, folder: Path, key: str, places: Places, clock: Clock) -> None:
        self._folder = folder
        self._name = f"sheets-{key[:_KEY_DIGITS]}"
        self._places = places
        self._clock = clock
        self._number = 0
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Misconfigured(f"the folder {folder} cannot be made: {error.strerror}") from None

    async def print(self, outcomes: Sequence[Outcome]) -> dict[int, Printed]:
        """Print the sheets among outcomes as one document; when this returns it survives a power cut.

        Returns:
            where each is, by the numbers of lines.

        Raises:
            Misconfigured: it cannot be written.
        """
        sheets = {one.line.number: (one.sheet, one.line.form) for one in outcomes if one.sheet and one.line.form}
        if not sheets:
            return {}
        content = await printing.pdf(
            [sheet for sheet, _ in sheets.values()],
            [form.contact for _, form in sheets.values()],
            self._places,
            [form.language for _, form in sheets.values()],
            now=self._clock.now(),
        )
        path = self._free()
        files.replace(path, content, mode=0o600)
        return {number: Printed(path.name, page) for page, number in enumerate(sheets, start=1)}

    def _free(self) -> Path:
        """The next name that no earlier run has used."""
        while True:
            self._number += 1
            path = self._folder / f"{self._name}-{self._number:04}.pdf"
            if not path.exists():
                return path


def unprintable(line: Line) -> list[FieldFault]:
    """What of a line no installed font has."""
    if line.form is None:
        return []
    try:
        printing.require_printable(line.form.subject, line.form.contact)
    except NotPrintable as refusal:
        return [FieldFault("subject", str(refusal))]
    return []

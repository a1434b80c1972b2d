"""Files that are imported: CSV with a header, or JSON Lines, read line by line however long they are.

CSV has the options of `soapstone register` as columns, with several names or profiles in one cell, apart by blanks or
`;`. JSON Lines has the fields of the API's forms. Either is UTF-8, with or without a byte order mark.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from ca_core.errors import BadName, FieldFault, Misconfigured
from ca_core.registration.account import Grant
from ca_core.registration.contact import Contact
from ca_core.registration.form import LANGUAGES, Form
from ca_core.registration.line import Line
from server.cli import import_json
from server.cli.naming import granted

MOST_LINE_OCTETS = 64 << 10
_MOST_LINES_OF_A_RECORD = 20
"""An address has several lines; a quotation mark that nobody closes takes no more of the file with it than this."""
_BLOCK_OCTETS = 1 << 20
_MOST_DIGITS = 12
_NAME_COLUMNS = ("dns", "zone", "ip", "email", "device-id")
_CONTACT_COLUMNS = {
    "contact-name": "name",
    "contact-email": "email",
    "phone": "phone",
    "address": "address",
    "identity-number": "identity_number",
}
COLUMNS = ("kind", "subject", "account", *_NAME_COLUMNS, "challenged", "profile", "uses", "language", *_CONTACT_COLUMNS)
_NEEDED = ("kind", "subject")
_YES, _NO = ("yes", "true", "1"), ("", "no", "false", "0")


class ImportFile:
    """A file that may be read more than once.

    Args:
        path: its ending says what it is.

    Raises:
        Misconfigured: it ends otherwise, or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        readers: Mapping[str, Callable[[Iterator[_Raw]], Iterator[Line]]] = {".csv": _csv, ".jsonl": _jsonl}
        if path.suffix.lower() not in readers:
            raise Misconfigured(f"{path} is neither CSV nor JSON Lines by its ending; name it .csv or .jsonl")
        self._path = path
        self._read = readers[path.suffix.lower()]
        try:
            # Before it is opened: a pipe would keep us until somebody writes into it.
            if path.exists() and not path.is_file():
                raise Misconfigured(f"{path} is no file, and is read more than once: write it to one first")
            with path.open("rb") as file:
                self.octets = file.seek(0, 2)
        except OSError as error:
            raise Misconfigured(f"{path} cannot be read: {error.strerror}") from None

    def digest(self) -> str:
        """SHA-256 of the whole, in hex."""
        digest = hashlib.sha256()
        with self._path.open("rb") as file:
            while block := file.read(_BLOCK_OCTETS):
                digest.update(block)
        return digest.hexdigest()

    def batches(self, most: int) -> Iterator[tuple[list[Line], int]]:
        """Its lines, at most so many at a time, each time with how many octets were read by then.

        Raises:
            Misconfigured: the header of a CSV file; says what is wrong with it.
        """
        with self._path.open("rb") as file:
            raw = _Physical(file)
            batch: list[Line] = []
            for line in self._read(raw):
                batch.append(line)
                if len(batch) == most:
                    yield batch, raw.octets
                    batch = []
            if batch:
                yield batch, raw.octets


class _Raw:
    """One physical line, or what is wrong with it."""

    def __init__(self, number: int, text: str, why: str | None = None) -> None:
        self.number = number
        self.text = text
        self.why = why


class _Physical(Iterator[_Raw]):
    """The physical lines of a file; one that is too long is passed over and not kept.

    Attributes:
        octets: how many were read.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._number = 0
        self.octets = 0

    def __next__(self) -> _Raw:
        octets = self._file.readline(MOST_LINE_OCTETS + 1)
        if not octets:
            raise StopIteration
        self._number += 1
        self.octets += len(octets)
        if len(octets) > MOST_LINE_OCTETS:
            while not octets.endswith(b"\n") and (octets := self._file.readline(_BLOCK_OCTETS)):
                self.octets += len(octets)
            return _Raw(self._number, "", f"is longer than {MOST_LINE_OCTETS} octets")
        if self._number == 1:
            octets = octets.removeprefix(codecs.BOM_UTF8)
        try:
            return _Raw(self._number, octets.decode())
        except UnicodeDecodeError as error:
            return _Raw(self._number, "", f"is not UTF-8 at its octet {error.start + 1}")


def _jsonl(lines: Iterator[_Raw]) -> Iterator[Line]:
    for raw in lines:
        if raw.why:
            yield _unread(raw.number, raw.why)
        elif raw.text.strip():
            yield import_json.line(raw.number, raw.text)


def _csv(lines: Iterator[_Raw]) -> Iterator[Line]:
    records = _records(lines)
    header = next(records, None)
    if header is None:
        raise Misconfigured("the file is empty; its first line must name the columns")
    columns = _columns(header)
    for number, cells, why in records:
        if why:
            yield _unread(number, why)
        elif len(cells) != len(columns):
            yield _unread(number, f"has {len(cells)} cells, and the header has {len(columns)}")
        else:
            yield _from_cells(number, dict(zip(columns, cells, strict=True)))


_Record = tuple[int, list[str], str | None]


def _records(lines: Iterator[_Raw]) -> Iterator[_Record]:
    """Records with the number of their first line, and what is wrong where they cannot be read; no empty ones.

    Where the lines of a record cannot be read together, the first one is at fault and the others are read anew.
    """
    left: list[_Raw] = []
    while True:
        taken: list[_Raw] = []
        try:
            cells = next(csv.reader(_texts(left, lines, taken), strict=True))
        except StopIteration:
            if not taken:
                return
            cells = []
        except csv.Error as error:
            left = taken[1:] + left
            yield taken[0].number, [], taken[0].why or f"cannot be read as CSV: {error}"
            continue
        if cells:
            yield taken[0].number, cells, None


def _texts(left: list[_Raw], lines: Iterator[_Raw], taken: list[_Raw]) -> Iterator[str]:
    """The texts of physical lines as long as the reader asks for more, and which ones it took."""
    octets = 0
    while raw := left.pop(0) if left else next(lines, None):
        taken.append(raw)
        octets += len(raw.text)
        if raw.why or octets > MOST_LINE_OCTETS or len(taken) > _MOST_LINES_OF_A_RECORD:
            raise csv.Error("a quotation mark is opened and not closed")
        yield raw.text


def _columns(header: _Record) -> list[str]:
    _, cells, why = header
    if why:
        raise Misconfigured(f"the header {why}")
    columns = [cell.strip().lower().replace("_", "-") for cell in cells]
    unknown = [column for column in columns if column not in COLUMNS]
    if unknown:
        raise Misconfigured(f"there is no column {unknown[0][:64]!r}; there are {', '.join(COLUMNS)}")
    doubled = [column for column in COLUMNS if columns.count(column) > 1]
    missing = [column for column in _NEEDED if column not in columns]
    if doubled or missing:
        raise Misconfigured(f"the column {(doubled or missing)[0]} is {'there twice' if doubled else 'missing'}")
    return columns


def _from_cells(number: int, cells: Mapping[str, str]) -> Line:
    faults: list[FieldFault] = []
    challenged = cells.get("challenged", "").strip().lower()
    if challenged not in (*_YES, *_NO):
        faults.append(FieldFault("challenged", f"is {challenged[:64]!r}; write yes or no"))
    contact = {field: cells.get(column, "") for column, field in _CONTACT_COLUMNS.items()}
    form = Form(
        kind=cells["kind"].strip(),
        subject=cells["subject"],
        uses=_uses(cells.get("uses", "").strip(), faults),
        account=cells.get("account", "").strip() or None,
        grants=_grants(cells, faults, vetted=challenged not in _YES),
        profiles=tuple(_words(cells.get("profile", ""))),
        language=cells.get("language", "").strip() or LANGUAGES[0],
        contact=Contact(**contact),
    )
    return Line(number, form, tuple(faults))


def _uses(text: str, faults: list[FieldFault]) -> int | msgspec.UnsetType | None:
    """A number, None for no limit, UNSET where there is none."""
    if not text:
        return msgspec.UNSET
    if text == "unlimited":
        return None
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
        return int(text)
    faults.append(FieldFault("uses", f"is {text[:64]!r}, which is neither a number nor `unlimited`"))
    return msgspec.UNSET


def _grants(cells: Mapping[str, str], faults: list[FieldFault], *, vetted: bool) -> tuple[Grant, ...]:
    """The names as grants, each once, in the order of the options; what is wrong with them is added to the faults."""
    found: dict[Grant, None] = {}
    for column in _NAME_COLUMNS:
        for word in _words(cells.get(column, "")):
            try:
                found[granted(column, word, vetted=vetted)] = None
            except BadName as refusal:
                faults.append(FieldFault(column, str(refusal)))
    return tuple(found)


def _words(cell: str) -> Sequence[str]:
    return cell.replace(";", " ").split()


def _unread(number: int, why: str) -> Line:
    return Line(number, None, (FieldFault("line", why),))

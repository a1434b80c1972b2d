"""One line of an import: what it asks for, and what became of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from ca_core.errors import FieldFault
from ca_core.registration.form import Form
from ca_core.registration.sheet import Sheet


class Line(msgspec.Struct, frozen=True):
    """A line as it was read.

    Attributes:
        number: 1 and up, as editors count the lines of a file.
        form: what could be read of it; None where nothing could.
        faults: of what could not.
        note: why, for the officers who must agree, where any must.
    """

    number: int
    form: Form | None
    faults: tuple[FieldFault, ...] = ()
    note: str = ""

    @property
    def digest(self) -> str:
        """What tells it from the other lines of its import, in hex: all that it asks for."""
        return hashlib.sha256(msgspec.json.encode(self.form)).hexdigest()

    def with_faults(self, more: Sequence[FieldFault]) -> Line:
        """The same, with what else is wrong."""
        return msgspec.structs.replace(self, faults=(*self.faults, *more)) if more else self


class Became(StrEnum):
    """What became of a line."""

    REGISTERED = "registered"
    NEW_SHEET = "new-sheet"
    """Registered by an earlier run, which could not hand its sheet over: a new one voids it."""
    DONE = "done"
    """By an earlier run, whose result has the sheet."""
    WAITS = "waits"
    """Other officers must agree first; then who asked collects the sheet."""
    BAD = "bad"


class Outcome(msgspec.Struct, frozen=True):
    """What became of one line.

    Attributes:
        sheet: what its holder gets, once.
        number: of that sheet, or of the one that an earlier run made.
        request: under which number it waits.
        note: what there is to do about it, or why it is as it is.
    """

    line: Line
    became: Became
    account: str | None = None
    sheet: Sheet | None = None
    number: int | None = None
    request: int | None = None
    note: str = ""


class Import(msgspec.Struct, frozen=True):
    """One import, by whichever of its runs.

    Attributes:
        key: what makes it the same one again.
        run: 1 and up; only the newest one goes on.
        owner: the registration of the integrator whose it is; None where a person imports.
    """

    id: str
    key: str
    realm: str
    owner: str | None
    run: int


class FirstSeen:
    """What the lines so far have asked for, so that two do not ask for the same."""

    def __init__(self) -> None:
        self._lines: dict[str | bytes, int] = {}

    def faults_of(self, line: Line) -> list[FieldFault]:
        """What is wrong with a line because of one before it."""
        if line.form is None:
            return []
        account = line.form.account
        first = self._lines.setdefault(account or bytes.fromhex(line.digest)[:16], line.number)
        if first == line.number:
            return []
        if account:
            return [FieldFault("account", f"{account[:64]!r} is in line {first} already")]
        why = f"says the same as line {first}; if two are meant, give them accounts"
        return [FieldFault("line", why)]


def counted(outcomes: Sequence[Outcome]) -> dict[Became, int]:
    """How many lines became what."""
    return {became: sum(outcome.became is became for outcome in outcomes) for became in Became}

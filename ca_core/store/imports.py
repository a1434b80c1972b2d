"""Imports and their lines: what was done already, so that an interrupted run is taken up without doubles."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ca_core.registration.account import Status
from ca_core.registration.line import Import
from ca_core.store.database import Row, Transaction, Value
from ca_core.store.registrations import AT_ONCE

_ANY_OF = ", ".join(f":one{number}" for number in range(AT_ONCE))
_KNOWN = (
    "SELECT l.digest, l.sheet, l.handed_over, l.request, d.state, g.account, g.sheet, g.status"  # noqa: S608  # our own words
    " FROM import_lines l LEFT JOIN registrations g ON g.id = l.registration_id"
    f" LEFT JOIN desk_requests d ON d.number = l.request WHERE l.import_id = :import_id AND l.digest IN ({_ANY_OF})"
)


class KnownLine(msgspec.Struct, frozen=True):
    """A line that an earlier run has done, and what it stands for now.

    Attributes:
        sheet: the number of the sheet that was made for it last.
        handed_over: whether who imports has it for sure.
        request, state: where other officers had to agree, and how it stands.
        account, newest_sheet, status: of its registration; None where it waits for them.
    """

    digest: str
    sheet: int
    handed_over: bool
    request: int | None
    state: str | None
    account: str | None
    newest_sheet: int | None
    status: Status | None


class NewLine(msgspec.Struct, frozen=True):
    """A line that is done now: registered, with its first sheet, or waiting under a number."""

    digest: str
    registration_id: str | None
    request: int | None = None


async def find(tx: Transaction, key: str, *, realm: str, owner: str | None) -> Import | None:
    """An import that was begun; None where there is none."""
    row = await tx.one(
        "SELECT id, run FROM imports WHERE realm = :realm AND owner = :owner AND key = :key",
        realm=realm,
        owner=owner or "",
        key=key,
    )
    return Import(row[0], key, realm, owner, row[1]) if row else None


async def begin(tx: Transaction, new: Import, *, asked_by: str, now: int) -> Import:
    """Begin an import, or a further run of the one that there is; what an earlier run does from now on is refused."""
    ((id_, run),) = await tx.all(
        "INSERT INTO imports (id, key, realm, owner, asked_by, run, started_at, ended_at)"
        " VALUES (:id, :key, :realm, :owner, :asked_by, 1, :now, NULL)"
        " ON CONFLICT (realm, owner, key) DO UPDATE SET run = imports.run + 1, ended_at = NULL RETURNING id, run",
        id=new.id,
        key=new.key,
        realm=new.realm,
        owner=new.owner or "",
        asked_by=asked_by,
        now=now,
    )
    return msgspec.structs.replace(new, id=id_, run=run)


async def is_newest(tx: Transaction, one: Import, *, ended_at: int | None = None) -> bool:
    """Whether no later run has begun, nor does while this transaction lasts."""
    changed = await tx.execute(
        "UPDATE imports SET ended_at = :ended_at WHERE id = :id AND run = :run",
        id=one.id,
        run=one.run,
        ended_at=ended_at,
    )
    return changed == 1


async def known(tx: Transaction, import_id: str, digests: Sequence[str]) -> dict[str, KnownLine]:
    """Which of these lines, at most `AT_ONCE`, are done, by their digests."""
    if not digests:
        return {}
    padded = {f"one{number}": digests[min(number, len(digests) - 1)] for number in range(AT_ONCE)}
    return {str(row[0]): _known(row) for row in await tx.all(_KNOWN, import_id=import_id, **padded)}


async def add_each(tx: Transaction, import_id: str, lines: Sequence[NewLine]) -> None:
    """Write down that lines are done, and that nobody has their sheets yet."""
    rows: list[dict[str, Value]] = [
        {
            "import_id": import_id,
            "digest": line.digest,
            "registration_id": line.registration_id,
            "request": line.request,
            "sheet": 1 if line.registration_id else 0,
        }
        for line in lines
    ]
    await tx.execute_each(
        "INSERT INTO import_lines (import_id, digest, registration_id, request, sheet, handed_over)"
        " VALUES (:import_id, :digest, :registration_id, :request, :sheet, 0)",
        rows,
    )


async def take(tx: Transaction, import_id: str, digest: str) -> bool:
    """Say that the next sheet of a registration, which the caller holds, is made for a line; False where it needs none.

    It needs none once its sheet was handed over, or somebody has made another one.
    """
    changed = await tx.execute(
        "UPDATE import_lines SET sheet = sheet + 1"
        " WHERE import_id = :import_id AND digest = :digest AND handed_over = 0"
        " AND sheet = (SELECT g.sheet FROM registrations g WHERE g.id = import_lines.registration_id)",
        import_id=import_id,
        digest=digest,
    )
    return changed == 1


async def hand_over(tx: Transaction, import_id: str, sheets: Sequence[tuple[str, int]]) -> None:
    """Say that sheets of lines are where they should be, by digest and number; later ones are another matter."""
    rows: list[dict[str, Value]] = [
        {"import_id": import_id, "digest": digest, "sheet": number} for digest, number in sheets
    ]
    await tx.execute_each(
        "UPDATE import_lines SET handed_over = 1 WHERE import_id = :import_id AND digest = :digest AND sheet = :sheet",
        rows,
    )


def _known(row: Row) -> KnownLine:
    digest, sheet, handed_over, request, state, account, newest, status = row
    return KnownLine(
        digest=digest,
        sheet=sheet,
        handed_over=handed_over == 1,
        request=request,
        state=state,
        account=account,
        newest_sheet=newest,
        status=Status(status) if status else None,
    )

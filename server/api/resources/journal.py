"""The journal: what happened, and the proof that nothing of it was changed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ca_core.staff.lines import JournalFilter, JournalLine
from ca_core.staff.role import Action
from server.api.operation import Answer, Call, Operation, any_of
from server.api.paging import USUAL_LINES, After, Limit, next_link
from server.api.shapes import Moment, Serial, Text, moment

_LIST = "/journal"


class JournalQuery(msgspec.Struct, frozen=True):
    """Which rows are listed."""

    event: Text | None = None
    actor: Annotated[Text, Meta(description="How it begins.")] | None = None
    account: Text | None = None
    serial: Serial | None = None
    since: Moment | None = None
    until: Moment | None = None
    after: After | None = None
    limit: Limit = USUAL_LINES


class JournalItem(msgspec.Struct, frozen=True):
    """One row.

    Attributes:
        position: in the chain; null for the first second.
        actor: who did it, and where.
        account: of the registration that it is about; null where it is about none.
        detail: the event's own fields.
    """

    position: int | None
    id: str
    at: Moment
    event: str
    actor: str
    account: str | None
    serial: str | None
    detail: dict[str, Any]


class JournalList(msgspec.Struct, frozen=True):
    """A page of the journal.

    Attributes:
        next: where the next page is; null behind the last one.
    """

    items: tuple[JournalItem, ...]
    next: str | None


class Verification(msgspec.Struct, frozen=True):
    """What came of proving every row against the chain and the checkpoints.

    Attributes:
        at: when it was begun.
        whole: whether all agree.
        rows: how many were proved.
        hash: of the last one, 64 hex digits; null where something does not agree.
        checkpoints: how many agree.
        key: the fingerprint of the journal's key.
        found: the first bad row and what is wrong with it, or why nothing can be proved; null where all agree.
    """

    at: Moment
    whole: bool
    rows: int
    hash: str | None
    checkpoints: int
    key: str
    found: str | None


async def _listed(call: Call) -> Answer:
    asked = call.asked(JournalQuery)
    wanted = JournalFilter(
        event=asked.event,
        actor=asked.actor,
        account=asked.account,
        serial=asked.serial,
        since=_seconds(asked.since),
        until=_seconds(asked.until),
    )
    found = await call.office.staff.looking.journal(call.actor, wanted, after=asked.after, most=asked.limit)
    return Answer(JournalList(tuple(map(_item, found)), next_link(_LIST, asked, found.more)))


async def _prove(call: Call) -> Answer:
    found = await call.services.verifier.prove()
    return Answer(
        Verification(
            at=moment(found.at),
            whole=not found.broken,
            rows=found.rows,
            hash=found.hash or None,
            checkpoints=found.checkpoints,
            key=found.key,
            found=found.broken or None,
        )
    )


def _item(line: JournalLine) -> JournalItem:
    return JournalItem(
        position=line.position,
        id=line.id,
        at=moment(line.at),
        event=line.event,
        actor=line.actor,
        account=line.account,
        serial=line.serial,
        detail=msgspec.json.decode(line.detail, type=dict[str, Any]),
    )


def _seconds(at: datetime | None) -> int | None:
    return None if at is None else max(0, int(at.timestamp()))


OPERATIONS = (
    Operation(
        name="listJournal",
        method="GET",
        path=_LIST,
        about="List what happened, or search it.",
        more="All that is asked must hold. Newest first; go on with `next`.",
        permitted=any_of(Action.READ_JOURNAL),
        handler=_listed,
        query=JournalQuery,
        answers={200: JournalList},
    ),
    Operation(
        name="verifyJournal",
        method="GET",
        path=f"{_LIST}/verification",
        about="Prove every row of the journal against the chain and the checkpoints.",
        more="A million rows take some 20 seconds. What was found counts for a minute, and for all who ask meanwhile.",
        permitted=any_of(Action.VERIFY_JOURNAL),
        handler=_prove,
        answers={200: Verification},
    ),
)

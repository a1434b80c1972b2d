"""The journal: what happened, and the proof that nothing of it was changed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ca_core.audit.chain import Broken
from ca_core.audit.verification import verify
from ca_core.errors import InProgress
from ca_core.staff.lines import JournalFilter, JournalLine
from ca_core.staff.role import Action
from server.api.operation import Answer, Call, Operation, any_of
from server.api.paging import USUAL_LINES, After, Limit, next_link
from server.api.shapes import Moment, Serial, Text, moment
from server.journaling import open_checkpoint_file, open_key

_LIST = "/journal"
_AGAIN_SECONDS = 5


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
        whole: whether all agree.
        rows: how many were proved.
        hash: of the last one, 64 hex digits; null where something does not agree.
        checkpoints: how many agree.
        key: the fingerprint of the journal's key.
        found: the first bad row and what is wrong with it; null where all agree.
    """

    whole: bool
    rows: int
    hash: str | None
    checkpoints: int
    key: str
    found: str | None


class Proving:
    """Proves the journal for one who asks at a time: it reads every row."""

    def __init__(self) -> None:
        self._is_at_it = False

    async def prove(self, call: Call) -> Answer:
        """Prove it.

        Raises:
            InProgress: somebody else has it proved at this moment.
        """
        if self._is_at_it:
            raise InProgress("the journal is being proved at this moment", retry_after_seconds=_AGAIN_SECONDS)
        self._is_at_it = True
        try:
            return Answer(await _proved(call))
        finally:
            self._is_at_it = False


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


async def _proved(call: Call) -> Verification:
    office = call.office
    key = await open_key(office)
    outside = (await open_checkpoint_file(office)).read()
    fingerprint = key.public.fingerprint
    try:
        proven = await verify(office.database, key.public, [outside] if outside else [])
    except Broken as broken:
        return Verification(whole=False, rows=0, hash=None, checkpoints=0, key=fingerprint, found=str(broken))
    return Verification(
        whole=True, rows=proven.rows, hash=proven.hash, checkpoints=proven.checkpoints, key=fingerprint, found=None
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
        more="A million rows take some 20 seconds; one who asks at a time is served.",
        permitted=any_of(Action.VERIFY_JOURNAL),
        handler=Proving().prove,
        answers={200: Verification},
    ),
)

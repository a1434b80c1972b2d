"""The journal as lists show it: the newest first, found by whom or what it is about."""

from __future__ import annotations

from collections.abc import Container

from ca_core.errors import BadRequest
from ca_core.staff.lines import JournalFilter, JournalLine, Key, Page, key_at, place_of
from ca_core.staff.paging import filled
from ca_core.staff.role import EVERY_REALM, Actor
from ca_core.store import lanes, registrations
from ca_core.store.database import Row, Transaction, Value
from ca_core.store.lanes import Lane, along

_LAST_ID = "~"
_MOST_TIME = (1 << 48) - 2
"""What the first twelve digits of an identity hold, and one more."""
_SERIAL_DIGITS = 40


async def journal_page(
    tx: Transaction,
    actor: Actor,
    wanted: JournalFilter,
    *,
    after: str | None,
    most: int,
    among: Container[str] | None = None,
) -> Page[JournalLine]:
    """One page of what the actor sees.

    Args:
        among: the events that are wanted; None: any that fits.

    Raises:
        BadRequest: what is looked for cannot be, or there is no such place.
    """
    _require_sound(wanted)
    # Identities begin with the time: what is before or behind one is told by them, and their index.
    since = "" if wanted.since is None else first_id(wanted.since)
    until = _LAST_ID if wanted.until is None else first_id(wanted.until + 1)
    lane = await _lane(tx, actor, wanted, since)
    if lane is None:
        return Page()

    async def fetch(behind: Key, at_once: int) -> list[Row]:
        return await along(tx, [lane], behind, most=at_once, is_descending=True)

    def shown(row: Row) -> JournalLine | None:
        at, id_, position, event, actor_, serial, detail, account, realm, owner = row
        # What is about no registration may be about another realm.
        is_seen = actor.realm in {EVERY_REALM, realm}
        is_seen = is_seen and (actor.owner is None or owner == actor.owner)
        line = JournalLine(place_of((at, id_)), id_, position, at, event, actor_, account, serial, detail)
        is_seen = is_seen and (among is None or line.event in among)
        return line if is_seen and _fits(line, wanted) else None

    first = key_at(after, is_text=False) or (0, until)
    return await filled(fetch, shown, (first[0], min(first[1], until)), most=most)


def first_id(at: int) -> str:
    """The first identity that there may be of a time, UTC seconds."""
    return f"{max(0, min(at, _MOST_TIME)):012x}"


def _require_sound(wanted: JournalFilter) -> None:
    texts = (wanted.event, wanted.actor, wanted.account, wanted.serial)
    if not all(text is None or text.isprintable() for text in texts):
        raise BadRequest("what is looked for cannot be printed")
    if wanted.serial is not None and len(wanted.serial) != _SERIAL_DIGITS:
        raise BadRequest("the journal is looked through for whole serials, 40 hex digits")


async def _lane(tx: Transaction, actor: Actor, wanted: JournalFilter, since: str) -> Lane | None:
    """What says most of what is asked for; None where there is nothing to be seen."""
    asked: dict[str, Value] = {"since": since}
    if wanted.account is not None:
        found = await registrations.by_account(tx, wanted.account)
        if found is None or not actor.sees(found):
            return None
        return Lane(lanes.JOURNAL_OF_REGISTRATION, asked | {"registration_id": found.id})
    if wanted.serial is not None:
        return Lane(lanes.JOURNAL_OF_SERIAL, asked | {"serial": wanted.serial.lower()})
    if wanted.actor is not None and wanted.actor.startswith(lanes.STAFF) and not wanted.actor.endswith(":"):
        return Lane(lanes.JOURNAL_OF_STAFF, asked | {"actor": wanted.actor})
    if wanted.event is not None and wanted.event not in lanes.OFTEN:
        return Lane(lanes.JOURNAL_OF_EVENT, asked | {"event": wanted.event})
    return Lane(lanes.JOURNAL, asked)


def _fits(line: JournalLine, wanted: JournalFilter) -> bool:
    return (
        wanted.event in {None, line.event}
        and (wanted.actor is None or _is_by(line.actor, wanted.actor))
        and wanted.account in {None, line.account}
        and (wanted.serial is None or line.serial == wanted.serial.lower())
    )


def _is_by(actor: str, wanted: str) -> bool:
    return actor.startswith(wanted) if wanted.endswith(":") else actor == wanted

"""Calling for what officers asked each other for: at half of its time, when it is overdue, and when it has lapsed."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ca_core.audit import journal
from ca_core.staff.events import DeskRequestLate
from ca_core.staff.request import CLOCKWORK, LAPSE_SECONDS, DeskRequest, DeskState
from ca_core.store import desk_requests
from ca_core.store.database import Transaction

_DAYS = LAPSE_SECONDS // 86_400


class Loudness(StrEnum):
    """How late it is."""

    HALF_TIME = "half-time"
    OVERDUE = "overdue"
    LAPSED = "lapsed"


class Late(msgspec.Struct, frozen=True):
    """A request that has waited too long, as a log line says it.

    Attributes:
        due_at: UTC seconds.
    """

    number: int
    what: str
    asked_by: str
    due_at: int
    loudness: Loudness


def late(asked: DeskRequest, loudness: Loudness) -> Late:
    """A request, as late as it is."""
    return Late(asked.number, asked.action.value, asked.asked_by, asked.due_at, loudness)


def why_lapsed(was: DeskState) -> str:
    """What is said to who asked."""
    what = "decided it" if was is DeskState.PENDING else "collected what came of it"
    return f"nobody {what} within {_DAYS} days; ask anew"


async def call(tx: Transaction, asked: DeskRequest, *, now: int) -> Late | None:
    """Call for a request once at each loudness; None when another server was first, or it does not wait any more."""
    is_overdue = asked.is_overdue(now)
    if not await desk_requests.call(tx, asked.number, is_overdue=is_overdue):
        return None
    event = DeskRequestLate(asked.number, asked.due_at, is_overdue, asked.realm)
    await journal.record(tx, event, now=now, actor=CLOCKWORK, registration_id=asked.registration_id)
    return late(asked, Loudness.OVERDUE if is_overdue else Loudness.HALF_TIME)

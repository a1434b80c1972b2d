"""How what officers ask for is stored, and how its state changes; each with its line in the journal."""

from __future__ import annotations

from ca_core.audit import journal
from ca_core.errors import WrongState
from ca_core.registration.account import Registration
from ca_core.staff.events import DeskRequestClosed, DeskRequestMade
from ca_core.staff.request import DUE_SECONDS, DeskAction, DeskRequest, DeskState
from ca_core.staff.role import Actor
from ca_core.store import desk_requests
from ca_core.store.database import Transaction
from ca_core.store.request_numbers import next_number


async def put_down(
    tx: Transaction,
    action: DeskAction,
    registration: Registration | None,
    realm: str,
    payload: str,
    *,
    needed: int,
    actor: Actor,
    note: str,
    now: int,
) -> int:
    """Store a request; returns its number.

    Args:
        payload: as `DeskRequest` says.
        now: UTC seconds.
    """
    asked = DeskRequest(
        number=await next_number(tx),
        action=action,
        registration_id=registration.id if registration else None,
        realm=realm,
        payload=payload,
        asked_by=actor.journal_name,
        needed=needed,
        state=DeskState.PENDING,
        requested_at=now,
        due_at=now + DUE_SECONDS,
        note=note,
    )
    await desk_requests.insert(tx, asked)
    event = DeskRequestMade(asked.number, action.value, needed, asked.due_at, note, realm)
    await journal.record(tx, event, now=now, actor=asked.asked_by, registration_id=asked.registration_id)
    return asked.number


async def move(
    tx: Transaction,
    asked: DeskRequest,
    was: DeskState,
    to: DeskState,
    *,
    actor: str,
    now: int,
    note: str | None = None,
    said: str = "",
) -> None:
    """Change the state of a request by compare-and-set.

    Args:
        actor: as the journal writes it.
        now: UTC seconds.
        note: in the place of the one that there is; None leaves it.
        said: for the journal, where there is no note.

    Raises:
        WrongState: it is in another state by now.
    """
    if not await desk_requests.move(tx, asked.number, was=was, to=to, now=now, decided_by=actor, note=note):
        current = await desk_requests.by_number(tx, asked.number)
        raise decided(current or asked)
    event = DeskRequestClosed(asked.number, to.value, note or said)
    await journal.record(tx, event, now=now, actor=actor, registration_id=asked.registration_id)


def decided(asked: DeskRequest) -> WrongState:
    """Why nobody can decide a request, or do what it asks for, any more or yet."""
    if asked.state is DeskState.PENDING:
        return WrongState(f"request {asked.number} waits still for other officers")
    return WrongState(f"request {asked.number} does not wait any more: it is {asked.state}")

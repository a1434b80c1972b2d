"""Counting votes: nobody agrees to what they asked for, and nobody votes twice."""

from __future__ import annotations

from ca_core.audit import journal
from ca_core.errors import OwnRequest, WrongState
from ca_core.staff.events import VoteCast
from ca_core.staff.request import Agreed, Verdict, Vote, is_own
from ca_core.staff.role import name_in
from ca_core.store import approvals
from ca_core.store.database import Transaction


async def agree(
    tx: Transaction, number: int, *, asked_by: str, needed: int, actor: str, note: str, now: int
) -> Agreed | None:
    """Count an approval; None when it was the last one that is needed. The caller holds the request.

    Of officers who have left since, or may not work for now, no vote counts.

    Args:
        asked_by, actor: as the journal writes them.

    Raises:
        OwnRequest: who votes has asked for it.
        WrongState: they have voted on it already.
    """
    if is_own(asked_by, actor):
        raise OwnRequest(number)
    await _cast(tx, number, Verdict.APPROVED, actor=actor, note=note, now=now)
    given = await approvals.given(tx, number, voter=name_in(actor), now=now)
    if needed > 1:
        await journal.record(tx, VoteCast(number, Verdict.APPROVED.value, note, given, needed), now=now, actor=actor)
    return None if given >= needed else Agreed(number, given, needed)


async def disagree(tx: Transaction, number: int, *, actor: str, note: str, now: int) -> None:
    """Write down who rejects: one is enough, and who has agreed before may have learned better."""
    vote = Vote(name_in(actor), Verdict.REJECTED, note, now)
    if not await approvals.cast(tx, number, vote):
        await approvals.change(tx, number, vote)


async def _cast(tx: Transaction, number: int, verdict: Verdict, *, actor: str, note: str, now: int) -> None:
    if not await approvals.cast(tx, number, Vote(name_in(actor), verdict, note, now)):
        raise WrongState(f"{name_in(actor)} has voted on request {number} already; another officer has to")

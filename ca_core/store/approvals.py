"""Officers' votes on whatever waits under a number."""

from __future__ import annotations

from ca_core.staff.request import Verdict, Vote
from ca_core.store.database import Transaction


async def cast(tx: Transaction, number: int, vote: Vote) -> bool:
    """Write a vote down; False when this officer has voted on it already."""
    inserted = await tx.execute(
        "INSERT INTO approvals (number, officer, verdict, note, at) VALUES (:number, :officer, :verdict, :note, :at)"
        " ON CONFLICT (number, officer) DO NOTHING",
        number=number,
        officer=vote.officer,
        verdict=vote.verdict.value,
        note=vote.note,
        at=vote.at,
    )
    return inserted == 1


async def of(tx: Transaction, number: int) -> list[Vote]:
    """All votes on a request, the first one first."""
    rows = await tx.all(
        "SELECT officer, verdict, note, at FROM approvals WHERE number = :number ORDER BY at, officer", number=number
    )
    return [Vote(officer, Verdict(verdict), note, at) for officer, verdict, note, at in rows]


async def given(tx: Transaction, number: int, *, voter: str, now: int) -> int:
    """How many have agreed whose vote counts: of officers, those who may still approve.

    Args:
        voter: who votes at this moment, and was let in to it.
    """
    ((count,),) = await tx.all(
        "SELECT COUNT(*) FROM approvals a LEFT JOIN officers o ON o.name = a.officer"
        " LEFT JOIN registrations g ON g.id = o.registration_id"
        " WHERE a.number = :number AND a.verdict = :approved"
        # Who types commands is no officer, and never leaves.
        " AND (o.name IS NULL OR a.officer = :voter"
        " OR (o.ended_at IS NULL AND g.status = 'active' AND g.expires_at >= :now))",
        number=number,
        approved=Verdict.APPROVED.value,
        voter=voter,
        now=now,
    )
    return int(count)


async def forget(tx: Transaction, number: int) -> None:
    """Take the votes on a request back: it asks for something else now."""
    await tx.execute("DELETE FROM approvals WHERE number = :number", number=number)


async def change(tx: Transaction, number: int, vote: Vote) -> None:
    """Put an officer's vote in the place of the one before."""
    await tx.execute(
        "UPDATE approvals SET verdict = :verdict, note = :note, at = :at WHERE number = :number AND officer = :officer",
        number=number,
        officer=vote.officer,
        verdict=vote.verdict.value,
        note=vote.note,
        at=vote.at,
    )

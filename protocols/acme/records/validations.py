"""Challenges that wait to be looked at: the core's items of work, seen with whose they are."""

from __future__ import annotations

import msgspec

from ca_core.store import holds, work
from ca_core.store.database import Transaction
from ca_core.work.item import Item

VALIDATE_CHALLENGE = "validate-challenge"
"""Subject: the challenge's id."""

# Who is being looked at for is counted first, so that the turns of those who wait begin behind. An open account is
# one of many under its registration, and stands for itself. Turns go round, and nobody gets one more than there is room
# for after it: however many hold all they may, something is left for who comes next.
_LEASE = """
UPDATE work SET leased_until = :until, attempts = attempts + 1 WHERE id IN (
    WITH found AS (
        SELECT w.id, w.due_at,
            CASE WHEN w.leased_until > :now AND w.leased_until <= :beyond THEN 1 ELSE 0 END AS busy,
            CASE WHEN b.credential_id IS NULL THEN b.id ELSE b.registration_id END AS holder,
            a.value AS name
        FROM work w
        LEFT JOIN acme_challenges c ON c.id = w.subject
        LEFT JOIN acme_authorizations a ON a.id = c.authorization_id
        LEFT JOIN acme_accounts b ON b.id = a.account_id
        WHERE w.kind = :kind AND (w.due_at <= :now OR w.leased_until > :now)
    ),
    ranked AS (
        SELECT id, due_at, busy,
            ROW_NUMBER() OVER (PARTITION BY holder ORDER BY busy DESC, due_at, id) AS turn_of_holder,
            ROW_NUMBER() OVER (PARTITION BY name ORDER BY busy DESC, due_at, id) AS turn_of_name
        FROM found
    ),
    placed AS (
        SELECT id, turn_of_holder, ROW_NUMBER() OVER (ORDER BY turn_of_holder, due_at, id) AS place FROM ranked
        WHERE busy = 0 AND turn_of_holder <= :most_for_holder AND turn_of_name <= :most_for_name
    )
    SELECT id FROM placed WHERE turn_of_holder + place <= :most + 1
)
RETURNING id, kind, subject, attempts
"""


class Waiting(msgspec.Struct, frozen=True):
    """A challenge that is not settled.

    Attributes:
        due_at: when it is looked at next; in the past while it is being looked at.
        attempts: how often it was looked at, the time that is under way included.
    """

    due_at: int
    attempts: int


class Share(msgspec.Struct, frozen=True):
    """How many may be looked at at once: more here, for one registration or open account, and of one name."""

    most: int
    for_holder: int
    for_name: int


async def lease(tx: Transaction, share: Share, *, now: int, until: int) -> list[Item]:
    """Take what is due, and hold it until a time: the first of each holder, then the second, the oldest first.

    Nobody gets more than their share, nor more than are left over: one alone gets what the share says, six get nine or
    ten each of sixty-four.
    """
    await tx.hold(holds.work(VALIDATE_CHALLENGE))
    rows = await tx.all(
        _LEASE,
        kind=VALIDATE_CHALLENGE,
        now=now,
        until=until,
        beyond=until + work.SKEW_SECONDS,
        most=share.most,
        most_for_holder=share.for_holder,
        most_for_name=share.for_name,
    )
    return [Item(*row) for row in rows]


async def waiting(tx: Transaction, challenge_id: str) -> Waiting | None:
    """How it stands with a challenge; None when it waits no more."""
    row = await tx.one(
        "SELECT due_at, attempts FROM work WHERE kind = :kind AND subject = :subject",
        kind=VALIDATE_CHALLENGE,
        subject=challenge_id,
    )
    return Waiting(*row) if row else None


async def hasten(tx: Transaction, challenge_id: str, was: Waiting, *, now: int) -> None:
    """Have a challenge looked at now, unless it is already being looked at."""
    await tx.execute(
        "UPDATE work SET due_at = :now WHERE kind = :kind AND subject = :subject"
        " AND due_at = :due_at AND attempts = :attempts AND leased_until <= :now",
        kind=VALIDATE_CHALLENGE,
        subject=challenge_id,
        due_at=was.due_at,
        attempts=was.attempts,
        now=now,
    )

"""Sessions, by the keyed hash of their token."""

from __future__ import annotations

from ca_core.applicant import Door
from ca_core.registration.session import Challenge, Session, Step
from ca_core.store import registrations
from ca_core.store.database import Row, Transaction

_BY_KEY = (
    f"SELECT {registrations.COLUMNS}, s.door, s.step, s.credential_id, s.begun_at, s.seen_at, s.ends_at, s.challenge,"  # noqa: S608  # our own words
    " s.ceremony, s.challenge_ends_at FROM sessions s JOIN registrations g ON g.id = s.registration_id"
    " LEFT JOIN credentials c ON c.id = s.credential_id"
    " WHERE s.token_hash = :key AND (s.credential_id IS NULL OR c.voided_at IS NULL)"
)
_COLUMNS = 9


def _from_row(key: bytes, row: Row) -> Session:
    door, step, credential_id, begun_at, seen_at, ends_at, challenge, ceremony, challenge_ends_at = row[-_COLUMNS:]
    return Session(
        key=key,
        csrf="",
        registration=registrations.from_row(row[:-_COLUMNS]),
        door=Door(door),
        step=Step(step),
        credential_id=credential_id,
        begun_at=begun_at,
        seen_at=seen_at,
        ends_at=ends_at,
        challenge=None if challenge is None else Challenge(ceremony, challenge, challenge_ends_at),
    )


async def insert(
    tx: Transaction,
    key: bytes,
    registration_id: str,
    *,
    door: Door,
    step: Step,
    credential_id: str | None,
    now: int,
    ends_at: int,
) -> None:
    """Store a new session."""
    await tx.execute(
        "INSERT INTO sessions (token_hash, registration_id, door, step, credential_id, begun_at, seen_at, ends_at)"
        " VALUES (:key, :registration_id, :door, :step, :credential_id, :now, :now, :ends_at)",
        key=key,
        registration_id=registration_id,
        door=door.value,
        step=step.value,
        credential_id=credential_id,
        now=now,
        ends_at=ends_at,
    )


async def by_key(tx: Transaction, key: bytes) -> Session | None:
    """A session with its holder as registered now; None where there is none, or its password is void."""
    row = await tx.one(_BY_KEY, key=key)
    return _from_row(key, row) if row else None


async def touch(tx: Transaction, key: bytes, *, was: int, now: int) -> None:
    """Write down that a session was used, unless somebody else has meanwhile."""
    await tx.execute(
        "UPDATE sessions SET seen_at = :now WHERE token_hash = :key AND seen_at = :was", key=key, was=was, now=now
    )


async def end(tx: Transaction, key: bytes) -> tuple[str, str] | None:
    """End one; returns the registration that it was of and the door, or None when there is none."""
    row = await tx.one("DELETE FROM sessions WHERE token_hash = :key RETURNING registration_id, door", key=key)
    return (row[0], row[1]) if row else None


async def end_all(tx: Transaction, registration_id: str) -> int:
    """End every session of a registration; returns how many there were."""
    return await tx.execute("DELETE FROM sessions WHERE registration_id = :id", id=registration_id)


async def end_all_but(tx: Transaction, registration_id: str, key: bytes) -> int:
    """End every session of a registration but one; returns how many."""
    return await tx.execute(
        "DELETE FROM sessions WHERE registration_id = :registration_id AND token_hash <> :key",
        registration_id=registration_id,
        key=key,
    )


async def end_others(tx: Transaction, registration_id: str, *, credential_id: str) -> int:
    """End the sessions of a registration that do not stand on this password; returns how many there were."""
    return await tx.execute(
        "DELETE FROM sessions WHERE registration_id = :id"
        " AND (credential_id IS NULL OR credential_id <> :credential_id)",
        id=registration_id,
        credential_id=credential_id,
    )


async def put_challenge(tx: Transaction, key: bytes, challenge: Challenge) -> bool:
    """Remember what a passkey is to sign; False when there is no such session."""
    changed = await tx.execute(
        "UPDATE sessions SET challenge = :value, ceremony = :ceremony, challenge_ends_at = :ends_at"
        " WHERE token_hash = :key",
        key=key,
        value=challenge.value,
        ceremony=challenge.ceremony,
        ends_at=challenge.ends_at,
    )
    return changed == 1


async def spend_challenge(tx: Transaction, key: bytes, challenge: Challenge) -> bool:
    """Take a challenge, once; False when it was taken or replaced already."""
    changed = await tx.execute(
        "UPDATE sessions SET challenge = NULL, ceremony = NULL, challenge_ends_at = NULL"
        " WHERE token_hash = :key AND challenge = :value",
        key=key,
        value=challenge.value,
    )
    return changed == 1


async def forget(tx: Transaction, *, now: int, idle_before: int) -> int:
    """Remove what is over."""
    return await tx.execute_at_length(
        "DELETE FROM sessions WHERE ends_at < :now OR seen_at < :idle_before", now=now, idle_before=idle_before
    )

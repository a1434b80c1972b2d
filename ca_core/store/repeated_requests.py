"""What was answered to requests that may come again, by who asked and the key that they gave."""

from __future__ import annotations

import msgspec

from ca_core.staff.repeat import Asked, Given
from ca_core.store.database import Transaction

_HEADERS = msgspec.json.Decoder(tuple[tuple[str, str], ...])


async def claim(tx: Transaction, actor: str, key: str, digest: bytes, *, now: int) -> bool:
    """Put a request down as being answered; False when the key stands for one already."""
    inserted = await tx.execute(
        "INSERT INTO repeated_requests (actor, key, digest, asked_at, headers)"
        " VALUES (:actor, :key, :digest, :now, '[]') ON CONFLICT (actor, key) DO NOTHING",
        actor=actor,
        key=key,
        digest=digest,
        now=now,
    )
    return inserted == 1


async def find(tx: Transaction, actor: str, key: str) -> Asked | None:
    """What a key stands for."""
    row = await tx.one(
        "SELECT digest, asked_at, status, headers, answer FROM repeated_requests WHERE actor = :actor AND key = :key",
        actor=actor,
        key=key,
    )
    if row is None:
        return None
    digest, asked_at, status, headers, answer = row
    return Asked(digest, asked_at, None if status is None else Given(status, _HEADERS.decode(headers), answer))


async def keep(tx: Transaction, actor: str, key: str, given: Given) -> None:
    """Remember an answer."""
    await tx.execute(
        "UPDATE repeated_requests SET status = :status, headers = :headers, answer = :answer"
        " WHERE actor = :actor AND key = :key",
        actor=actor,
        key=key,
        status=given.status,
        headers=msgspec.json.encode(given.headers).decode(),
        answer=given.body,
    )


async def forget(tx: Transaction, actor: str, key: str) -> None:
    """Let a key stand for nothing."""
    await tx.execute("DELETE FROM repeated_requests WHERE actor = :actor AND key = :key", actor=actor, key=key)


async def forget_before(tx: Transaction, actor: str, key: str, *, before: int) -> None:
    """Let a key stand for nothing where it was used before a time, UTC seconds."""
    await tx.execute(
        "DELETE FROM repeated_requests WHERE actor = :actor AND key = :key AND asked_at < :before",
        actor=actor,
        key=key,
        before=before,
    )


async def forget_all(tx: Transaction, *, before: int) -> None:
    """Take away what is older than a time, UTC seconds."""
    await tx.execute("DELETE FROM repeated_requests WHERE asked_at < :before", before=before)

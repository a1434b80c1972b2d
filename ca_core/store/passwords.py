"""Passwords of registrations, and what was guessed in their place."""

from __future__ import annotations

import msgspec

from ca_core.registration.account import Registration
from ca_core.registration.credential import CredentialKind
from ca_core.store import registrations
from ca_core.store.database import Transaction

_STANDING = (
    f"SELECT {registrations.COLUMNS}, c.id, c.kind, c.secret, c.expires_at, c.suspended_at"  # noqa: S608  # our own words
    " FROM registrations g JOIN credentials c ON c.registration_id = g.id AND c.voided_at IS NULL"
    " AND c.kind IN ('initial-password', 'password') WHERE g.account = :account"
)
_COLUMNS = 5


class Standing(msgspec.Struct, frozen=True):
    """The one password of a registration that is not void.

    Attributes:
        secret: of an initial one its keyed hash, of a chosen one its slow hash.
        suspended_at: UTC seconds; since when it opens nothing.
    """

    registration: Registration
    credential_id: str
    kind: CredentialKind
    secret: bytes
    expires_at: int
    suspended_at: int | None


async def standing(tx: Transaction, account: str) -> Standing | None:
    """What there is of an account's password; None where there is none, or no account."""
    row = await tx.one(_STANDING, account=account)
    if row is None:
        return None
    id_, kind, secret, expires_at, suspended_at = row[-_COLUMNS:]
    registration = registrations.from_row(row[:-_COLUMNS])
    return Standing(registration, id_, CredentialKind(kind), secret, expires_at, suspended_at)


async def every_state(tx: Transaction) -> dict[str, tuple[CredentialKind, int | None]]:
    """By a registration's id: of which kind its one password is, and since when that opens nothing (UTC seconds)."""
    rows = await tx.all(
        "SELECT registration_id, kind, suspended_at FROM credentials"
        " WHERE kind IN ('initial-password', 'password') AND voided_at IS NULL"
    )
    return {id_: (CredentialKind(kind), suspended_at) for id_, kind, suspended_at in rows}


async def is_usable(tx: Transaction, credential_id: str) -> bool:
    """Whether a password is neither void nor suspended."""
    row = await tx.one(
        "SELECT 1 FROM credentials WHERE id = :id AND voided_at IS NULL AND suspended_at IS NULL", id=credential_id
    )
    return row is not None


async def count_guess(tx: Transaction, subject: bytes, guess: bytes, *, credential_id: str, now: int) -> int:
    """Write a wrong guess down; returns how many different ones there are since the last right one."""
    await tx.execute(
        "INSERT INTO password_guesses (subject, guess, credential_id, at)"
        " VALUES (:subject, :guess, :credential_id, :now) ON CONFLICT (subject, guess) DO NOTHING",
        subject=subject,
        guess=guess,
        credential_id=credential_id,
        now=now,
    )
    row = await tx.one("SELECT COUNT(*) FROM password_guesses WHERE subject = :subject", subject=subject)
    return int(row[0]) if row else 0


async def forget_guesses(tx: Transaction, subject: bytes) -> None:
    """Begin to count anew."""
    await tx.execute("DELETE FROM password_guesses WHERE subject = :subject", subject=subject)


async def suspend(tx: Transaction, credential_id: str, *, now: int) -> bool:
    """Suspend a password, by compare-and-set; False when it is suspended or void already, or there is none."""
    changed = await tx.execute(
        "UPDATE credentials SET suspended_at = :now WHERE id = :id AND suspended_at IS NULL AND voided_at IS NULL",
        id=credential_id,
        now=now,
    )
    return changed == 1


async def rehash(tx: Transaction, credential_id: str, *, was: bytes, to: bytes) -> bool:
    """Store a password's hash at another cost, by compare-and-set; False when it was another one."""
    changed = await tx.execute(
        "UPDATE credentials SET secret = :to WHERE id = :id AND secret = :was", id=credential_id, was=was, to=to
    )
    return changed == 1


async def void(tx: Transaction, credential_id: str, *, now: int) -> bool:
    """Void one password, by compare-and-set; False when it is void or suspended already."""
    changed = await tx.execute(
        "UPDATE credentials SET voided_at = :now WHERE id = :id AND voided_at IS NULL AND suspended_at IS NULL",
        id=credential_id,
        now=now,
    )
    return changed == 1


async def suspended_at(tx: Transaction, registration_id: str) -> int | None:
    """Since when the password of a registration opens nothing; None while it does, or where there is none."""
    row = await tx.one(
        "SELECT suspended_at FROM credentials WHERE registration_id = :id AND kind IN ('initial-password', 'password')"
        " AND voided_at IS NULL",
        id=registration_id,
    )
    return row[0] if row else None


async def forget_idle_guesses(tx: Transaction, *, before: int) -> int:
    """Remove guesses that count for nothing any more: at nobody's password, at one that is void or suspended."""
    return await tx.execute_at_length(
        "DELETE FROM password_guesses WHERE at < :before AND NOT EXISTS (SELECT 1 FROM credentials c"
        " WHERE c.id = password_guesses.credential_id AND c.voided_at IS NULL AND c.suspended_at IS NULL)",
        before=before,
    )

"""Credentials: the secrets of sheets, hashed or sealed."""

from __future__ import annotations

from ca_core.errors import WrongSecret
from ca_core.registration.credential import Credential, CredentialKind
from ca_core.store.database import Row, Transaction

_SELECT = (
    "SELECT id, registration_id, sheet, kind, kid, secret, uses_left, expires_at, voided_at FROM credentials WHERE "
)


def _from_row(row: Row) -> Credential:
    id_, registration_id, sheet, kind, kid, secret, uses_left, expires_at, voided_at = row
    return Credential(id_, registration_id, sheet, CredentialKind(kind), kid, secret, uses_left, expires_at, voided_at)


async def insert(tx: Transaction, credential: Credential, *, now: int) -> None:
    """Store a new credential."""
    await tx.execute(
        "INSERT INTO credentials"
        " (id, registration_id, sheet, kind, kid, secret, uses_left, expires_at, voided_at, created_at)"
        " VALUES (:id, :registration_id, :sheet, :kind, :kid, :secret, :uses_left, :expires_at, NULL, :now)",
        id=credential.id,
        registration_id=credential.registration_id,
        sheet=credential.sheet,
        kind=credential.kind.value,
        kid=credential.kid,
        secret=credential.secret,
        uses_left=credential.uses_left,
        expires_at=credential.expires_at,
        now=now,
    )


async def void_all(tx: Transaction, registration_id: str, *, now: int) -> None:
    """Void every credential of a registration at once."""
    await tx.execute(
        "UPDATE credentials SET voided_at = :now WHERE registration_id = :id AND voided_at IS NULL",
        id=registration_id,
        now=now,
    )


async def current(tx: Transaction, registration_id: str, kind: CredentialKind) -> Credential | None:
    """The credential of one kind that is not void."""
    row = await tx.one(
        _SELECT + "registration_id = :registration_id AND kind = :kind AND voided_at IS NULL",
        registration_id=registration_id,
        kind=kind.value,
    )
    return _from_row(row) if row else None


async def by_id(tx: Transaction, credential_id: str) -> Credential | None:
    """Find by identity, void or not."""
    row = await tx.one(
        _SELECT + "id = :id",
        id=credential_id,
    )
    return _from_row(row) if row else None


async def by_kid(tx: Transaction, kid: str) -> Credential | None:
    """The EAB key of this key identifier, unless it is void."""
    row = await tx.one(
        _SELECT + "kid = :kid AND voided_at IS NULL",
        kid=kid,
    )
    return _from_row(row) if row else None


async def any_eab_key(tx: Transaction) -> Credential | None:
    """Some EAB key that is not void, to see whether sealed secrets open."""
    row = await tx.one(_SELECT + "kind = 'eab-key' AND voided_at IS NULL LIMIT 1")
    return _from_row(row) if row else None


async def spend(tx: Transaction, credential_id: str, *, now: int) -> None:
    """Take one use by compare-and-set; what cannot be taken is explained.

    Raises:
        CredentialSpent, CredentialExpired: no use is left, or it is past its date.
        WrongSecret: a newer sheet has voided it since it was checked.
    """
    changed = await tx.execute(
        "UPDATE credentials SET uses_left = uses_left - 1"
        " WHERE id = :id AND voided_at IS NULL AND expires_at >= :now AND (uses_left IS NULL OR uses_left > 0)",
        id=credential_id,
        now=now,
    )
    if changed == 1:
        return
    credential = await by_id(tx, credential_id)
    if credential is not None and credential.voided_at is None:
        credential.require_usable(now)
    raise WrongSecret

"""Bearer tokens of integrators."""

from __future__ import annotations

import msgspec

from ca_core.staff.role import Action
from ca_core.staff.token import Token
from ca_core.store.database import Row, Transaction

_SELECT = "SELECT id, registration_id, secret, scope, created_at, expires_at, ended_at FROM tokens WHERE "
_SCOPE = msgspec.json.Decoder(frozenset[Action])


def _token(row: Row) -> Token:
    id_, registration_id, secret, scope, created_at, expires_at, ended_at = row
    return Token(id_, registration_id, secret, _SCOPE.decode(scope), created_at, expires_at, ended_at)


async def insert(tx: Transaction, token: Token) -> None:
    """Store a new token."""
    await tx.execute(
        "INSERT INTO tokens (id, registration_id, secret, scope, created_at, expires_at)"
        " VALUES (:id, :registration_id, :secret, :scope, :created_at, :expires_at)",
        id=token.id,
        registration_id=token.registration_id,
        secret=token.secret,
        scope=msgspec.json.encode(sorted(token.scope)).decode(),
        created_at=token.created_at,
        expires_at=token.expires_at,
    )


async def by_id(tx: Transaction, token_id: str) -> Token | None:
    """Find one, an ended one too."""
    row = await tx.one(_SELECT + "id = :id", id=token_id)
    return _token(row) if row else None


async def of(tx: Transaction, registration_id: str) -> list[Token]:
    """All of an integrator, the oldest first."""
    rows = await tx.all(_SELECT + "registration_id = :id ORDER BY created_at, id", id=registration_id)
    return [_token(row) for row in rows]


async def end(tx: Transaction, token_id: str, *, now: int) -> bool:
    """End one by compare-and-set; False when it was ended already."""
    changed = await tx.execute(
        "UPDATE tokens SET ended_at = :now WHERE id = :id AND ended_at IS NULL", id=token_id, now=now
    )
    return changed == 1

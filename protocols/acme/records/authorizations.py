"""Authorizations and their challenges."""

from __future__ import annotations

from collections.abc import Sequence

from ca_core.names import Identifier, Kind
from ca_core.store.database import Row, Transaction
from protocols.acme import states
from protocols.acme.objects import Authorization, Challenge
from protocols.acme.states import AuthorizationStatus, ChallengeStatus, Event

COLUMNS = "a.id, a.account_id, a.kind, a.value, a.status, a.vetted, a.expires_at, a.created_at, a.spans, a.proved_by"
"""What `from_row` reads, for statements that look at `acme_authorizations a` beside another table."""
_AUTHORIZATION = f"SELECT {COLUMNS} FROM acme_authorizations a "  # noqa: S608  # our own words
_CHALLENGE = (
    "SELECT id, authorization_id, type, token, status, error, validated_at, answered_from FROM acme_challenges WHERE "
)

_ALIKE = (
    "WHERE a.account_id = :account_id AND a.kind = :kind AND a.value = :value AND a.status = :status"
    " AND a.vetted = :vetted AND a.spans = :spans AND a.expires_at >= :good_until AND (a.vetted = 1 OR NOT EXISTS"
    " (SELECT 1 FROM acme_challenges c WHERE c.authorization_id = a.id AND c.status <> :untouched))"
    " ORDER BY a.expires_at DESC LIMIT 1"
)


def from_row(row: Row) -> Authorization:
    """The authorization that a row says."""
    id_, account_id, kind, value, status, vetted, expires_at, created_at, spans, proved_by = row
    return Authorization(
        id=id_,
        account_id=account_id,
        identifier=Identifier(Kind(kind), value),
        status=AuthorizationStatus(status),
        vetted=bool(vetted),
        expires_at=expires_at,
        created_at=created_at,
        spans=bool(spans),
        proved_by=proved_by,
    )


def _challenge(row: Row) -> Challenge:
    id_, authorization_id, type_, token, status, error, validated_at, answered_from = row
    return Challenge(id_, authorization_id, type_, token, ChallengeStatus(status), error, validated_at, answered_from)


async def insert(tx: Transaction, authorizations: Sequence[Authorization], challenges: Sequence[Challenge]) -> None:
    """Store new authorizations, and then their challenges."""
    await tx.later_each(
        "INSERT INTO acme_authorizations"
        " (id, account_id, kind, value, status, vetted, expires_at, created_at, spans)"
        " VALUES (:id, :account_id, :kind, :value, :status, :vetted, :expires_at, :created_at, :spans)",
        [
            {
                "id": one.id,
                "account_id": one.account_id,
                "kind": one.identifier.kind.value,
                "value": one.identifier.value,
                "status": one.status.value,
                "vetted": int(one.vetted),
                "expires_at": one.expires_at,
                "created_at": one.created_at,
                "spans": int(one.spans),
            }
            for one in authorizations
        ],
    )
    await tx.later_each(
        "INSERT INTO acme_challenges (id, authorization_id, type, token, status, error, validated_at)"
        " VALUES (:id, :authorization_id, :type, :token, :status, NULL, :validated_at)",
        [
            {
                "id": one.id,
                "authorization_id": one.authorization_id,
                "type": one.type,
                "token": one.token,
                "status": one.status.value,
                "validated_at": one.validated_at,
            }
            for one in challenges
        ],
    )


async def set_ahead(tx: Transaction, authorization_id: str) -> None:
    """Remember that no order stands on a new authorization."""
    await tx.execute("UPDATE acme_authorizations SET ahead = 1 WHERE id = :id", id=authorization_id)


async def of_account(tx: Transaction, authorization_id: str, account_id: str) -> Authorization | None:
    """Find an authorization of one account."""
    row = await tx.one(
        _AUTHORIZATION + "WHERE a.id = :id AND a.account_id = :account_id",
        id=authorization_id,
        account_id=account_id,
    )
    return from_row(row) if row else None


async def by_id(tx: Transaction, authorization_id: str) -> Authorization | None:
    """Find by identity, whoever owns it."""
    row = await tx.one(_AUTHORIZATION + "WHERE a.id = :id", id=authorization_id)
    return from_row(row) if row else None


async def of_order(tx: Transaction, order_id: str) -> list[Authorization]:
    """The authorizations that an order needs, in a steady order."""
    rows = await tx.all(
        _AUTHORIZATION + "JOIN acme_order_authorizations l ON l.authorization_id = a.id WHERE l.order_id = :order_id"
        " ORDER BY a.kind, a.value",
        order_id=order_id,
    )
    return [from_row(row) for row in rows]


async def proved(tx: Transaction, account_id: str, identifier: Identifier, *, good_until: int) -> Authorization | None:
    """A valid authorization of an account that a challenge brought for this identifier.

    Args:
        good_until: it must not expire before this time.
    """
    row = await tx.one(
        _AUTHORIZATION
        + "WHERE a.account_id = :account_id AND a.kind = :kind AND a.value = :value AND a.status = :valid"
        " AND a.vetted = 0 AND a.expires_at >= :good_until ORDER BY a.expires_at DESC LIMIT 1",
        account_id=account_id,
        kind=identifier.kind.value,
        value=identifier.value,
        valid=AuthorizationStatus.VALID.value,
        good_until=good_until,
    )
    return from_row(row) if row else None


async def spanning(tx: Transaction, account_id: str, *, good_until: int) -> list[Authorization]:
    """The valid authorizations of an account that do for every name below, too; what lasts longest comes first.

    Args:
        good_until: they must not expire before this time.
    """
    rows = await tx.all(
        _AUTHORIZATION + "WHERE a.account_id = :account_id AND a.spans = 1 AND a.status = :valid"
        " AND a.expires_at >= :good_until ORDER BY a.expires_at DESC",
        account_id=account_id,
        valid=AuthorizationStatus.VALID.value,
        good_until=good_until,
    )
    return [from_row(row) for row in rows]


async def alike(tx: Transaction, wanted: Authorization, *, good_until: int) -> Authorization | None:
    """An authorization that would do in the place of a new one: by the same word, or as pending and untouched.

    One whose challenge is being looked at is none: it may fail for what another order did.

    Args:
        good_until: it must not expire before this time.
    """
    row = await tx.one(
        _AUTHORIZATION + _ALIKE,
        account_id=wanted.account_id,
        kind=wanted.identifier.kind.value,
        value=wanted.identifier.value,
        status=wanted.status.value,
        vetted=int(wanted.vetted),
        spans=int(wanted.spans),
        good_until=good_until,
        untouched=ChallengeStatus.PENDING.value,
    )
    return from_row(row) if row else None


async def expire(tx: Transaction, *, now: int) -> None:
    """Mark the authorizations that ran out while they waited."""
    await tx.execute_at_length(
        # In these words the index says it; by others all authorizations would be looked through.
        "UPDATE acme_authorizations SET status = :to WHERE status = 'pending' AND expires_at < :now",
        to=states.after(states.AUTHORIZATION, AuthorizationStatus.PENDING, Event.EXPIRED).value,
        now=now,
    )


async def held(tx: Transaction, account_id: str, identifier: Identifier, *, now: int) -> bool:
    """Whether an account holds a valid authorization for exactly this identifier, vetted or proved."""
    row = await tx.one(
        "SELECT 1 FROM acme_authorizations WHERE account_id = :account_id AND kind = :kind AND value = :value"
        " AND status = :valid AND expires_at >= :now LIMIT 1",
        account_id=account_id,
        kind=identifier.kind.value,
        value=identifier.value,
        valid=AuthorizationStatus.VALID.value,
        now=now,
    )
    return row is not None


async def move(
    tx: Transaction,
    authorization: Authorization,
    event: Event,
    *,
    expires_at: int | None = None,
    proved_by: str = "",
) -> bool:
    """Change the status by compare-and-set, and perhaps the date; False when it was another one.

    Args:
        proved_by: the type of the challenge that makes it valid; only with `Event.PROVED`.

    Raises:
        WrongState: the event cannot happen in its status.
    """
    changed = await tx.execute(
        "UPDATE acme_authorizations SET status = :to, expires_at = :expires_at, proved_by = :proved_by"
        " WHERE id = :id AND status = :was",
        id=authorization.id,
        proved_by=proved_by or authorization.proved_by,
        was=authorization.status.value,
        to=states.after(states.AUTHORIZATION, authorization.status, event).value,
        expires_at=authorization.expires_at if expires_at is None else expires_at,
    )
    return changed == 1


async def deactivate_all(tx: Transaction, account_id: str) -> None:
    """Deactivate the pending and valid authorizations of an account."""
    for was in (AuthorizationStatus.PENDING, AuthorizationStatus.VALID):
        await tx.execute_at_length(
            "UPDATE acme_authorizations SET status = :to WHERE account_id = :account_id AND status = :was",
            account_id=account_id,
            was=was.value,
            to=states.after(states.AUTHORIZATION, was, Event.DEACTIVATED).value,
        )


async def challenge(tx: Transaction, challenge_id: str) -> Challenge | None:
    """Find a challenge, whoever owns it."""
    row = await tx.one(_CHALLENGE + "id = :id", id=challenge_id)
    return _challenge(row) if row else None


async def challenges(tx: Transaction, authorization_id: str) -> list[Challenge]:
    """The challenges of an authorization."""
    rows = await tx.all(
        _CHALLENGE + "authorization_id = :authorization_id ORDER BY type", authorization_id=authorization_id
    )
    return [_challenge(row) for row in rows]


async def note_failure(tx: Transaction, challenge_id: str, error: str) -> None:
    """Show how the last look at a challenge went, while it is looked at again.

    Args:
        error: a problem as JSON.
    """
    await tx.execute(
        "UPDATE acme_challenges SET error = :error WHERE id = :id AND status = :processing",
        id=challenge_id,
        error=error,
        processing=ChallengeStatus.PROCESSING.value,
    )


async def move_challenge(
    tx: Transaction,
    challenge: Challenge,
    event: Event,
    *,
    error: str | None = None,
    validated_at: int | None = None,
    answered_from: str = "",
) -> bool:
    """Change a challenge's status by compare-and-set; False when it was another one.

    Args:
        answered_from: who has answered it; only with `Event.ANSWERED`.

    Raises:
        WrongState: the event cannot happen in its status.
    """
    changed = await tx.execute(
        "UPDATE acme_challenges SET status = :to, error = :error, validated_at = :validated_at,"
        " answered_from = :answered_from"
        " WHERE id = :id AND status = :was",
        id=challenge.id,
        was=challenge.status.value,
        to=states.after(states.CHALLENGE, challenge.status, event).value,
        error=error,
        validated_at=validated_at,
        answered_from=answered_from or challenge.answered_from,
    )
    return changed == 1

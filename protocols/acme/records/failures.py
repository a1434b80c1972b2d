"""Names whose challenges fail, by account, and what pends."""

from __future__ import annotations

import msgspec

from ca_core.names import Identifier, Kind
from ca_core.store.database import Row, Transaction
from protocols.acme.standing import Standing


class Failing(msgspec.Struct, frozen=True):
    """One name that is paused for one account.

    Attributes:
        registered_as: the site account of the registration.
        failures: how many in a row.
        first_at, last_at: of those failures, UTC seconds.
    """

    registered_as: str
    registration_id: str
    account_id: str
    identifier: Identifier
    failures: int
    first_at: int
    last_at: int
    paused_at: int


def _failing(row: Row) -> Failing:
    registered_as, registration_id, account_id, kind, value, *rest = row
    return Failing(registered_as, registration_id, account_id, Identifier(Kind(kind), value), *rest)


async def count(
    tx: Transaction, account_id: str, identifier: Identifier, *, paused_after: int, over_seconds: int, now: int
) -> int | None:
    """Count a failure in one statement; the number of them where this one paused the name, else None.

    Args:
        paused_after: the failure that pauses.
        over_seconds: how long it must have failed by then.
    """
    row = await tx.one(
        "INSERT INTO acme_failures (account_id, kind, value, failures, first_at, last_at)"
        " VALUES (:account_id, :kind, :value, 1, :now, :now)"
        " ON CONFLICT (account_id, kind, value) DO UPDATE SET failures = acme_failures.failures + 1, last_at = :now,"
        " paused_at = CASE WHEN acme_failures.paused_at IS NULL AND acme_failures.failures + 1 >= :paused_after"
        " AND acme_failures.first_at <= :since THEN :now ELSE acme_failures.paused_at END"
        " RETURNING failures, paused_at",
        account_id=account_id,
        kind=identifier.kind.value,
        value=identifier.value,
        paused_after=paused_after,
        since=now - over_seconds,
        now=now,
    )
    return row[0] if row and row[1] == now else None


async def forget(tx: Transaction, account_id: str, identifier: Identifier) -> bool:
    """Begin to count anew, and lift a pause; whether there was anything to forget."""
    deleted = await tx.execute(
        "DELETE FROM acme_failures WHERE account_id = :account_id AND kind = :kind AND value = :value",
        account_id=account_id,
        kind=identifier.kind.value,
        value=identifier.value,
    )
    return deleted == 1


async def standing(tx: Transaction, account_id: str, *, now: int) -> Standing:
    """What stands against new challenges of an account, in one statement."""
    rows = await tx.all(
        "SELECT p.pending, f.kind, f.value FROM (SELECT COUNT(*) AS pending FROM acme_authorizations"
        " WHERE account_id = :account_id AND status = 'pending' AND expires_at >= :now) AS p"
        " LEFT JOIN acme_failures f ON f.account_id = :account_id AND f.paused_at IS NOT NULL",
        account_id=account_id,
        now=now,
    )
    paused = frozenset(Identifier(Kind(kind), value) for _, kind, value in rows if kind is not None)
    return Standing(pending=rows[0][0], paused=paused)


async def paused(tx: Transaction, registered_as: str | None = None) -> list[Failing]:
    """The names that are paused, of one site account or of all."""
    rows = await tx.all(
        "SELECT r.account, r.id, f.account_id, f.kind, f.value, f.failures, f.first_at, f.last_at, f.paused_at"
        " FROM acme_failures f JOIN acme_accounts a ON a.id = f.account_id"
        " JOIN registrations r ON r.id = a.registration_id"
        " WHERE f.paused_at IS NOT NULL AND r.account = COALESCE(:registered_as, r.account)"
        " ORDER BY r.account, f.kind, f.value, f.account_id",
        registered_as=registered_as,
    )
    return [_failing(row) for row in rows]

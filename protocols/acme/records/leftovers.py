"""What came to nothing long ago, and is of no use to anybody; the journal keeps what happened."""

from __future__ import annotations

from collections.abc import Iterable

from ca_core.store.database import Row, Transaction
from protocols.acme.objects import request_key

# In these words the index says it. An order that has a certificate stays, whatever its row says.
OLD_ORDERS = (
    "SELECT o.id FROM acme_orders o WHERE o.status = 'invalid' AND o.created_at < :before"
    " AND NOT EXISTS (SELECT 1 FROM certificates c WHERE c.request_key = :prefix || o.id)"
    " ORDER BY o.created_at LIMIT :most"
)
OLD_AUTHORIZATIONS = (
    "SELECT id FROM acme_authorizations WHERE ahead = 1 AND expires_at < :before ORDER BY expires_at LIMIT :most"
)
OLD_FAILURES = (
    "SELECT account_id, kind, value FROM acme_failures WHERE paused_at IS NULL AND last_at < :before"
    " ORDER BY last_at LIMIT :most"
)


async def old_orders(tx: Transaction, *, before: int, most: int) -> list[str]:
    """The ids of orders that are invalid and were placed before a time, the oldest first."""
    rows = await tx.all(OLD_ORDERS, before=before, prefix=request_key(""), most=most)
    return [id_ for (id_,) in rows]


async def clear_order(tx: Transaction, order_id: str, *, now: int) -> None:
    """Remove an invalid order, and its authorizations that have run out and that no other order stands on."""
    needed = await tx.all(
        "SELECT authorization_id FROM acme_order_authorizations WHERE order_id = :order_id", order_id=order_id
    )
    await tx.execute("DELETE FROM acme_order_authorizations WHERE order_id = :order_id", order_id=order_id)
    await tx.execute("DELETE FROM acme_orders WHERE id = :id AND status = 'invalid'", id=order_id)
    for (id_,) in needed:
        await clear_authorization(tx, id_, now=now)


async def old_authorizations(tx: Transaction, *, before: int, most: int) -> list[str]:
    """The ids of authorizations that were made for no order and ran out before a time, the oldest first."""
    return [id_ for (id_,) in await tx.all(OLD_AUTHORIZATIONS, before=before, most=most)]


async def clear_authorization(tx: Transaction, authorization_id: str, *, now: int) -> None:
    """Remove an authorization that has run out and on which no order stands; one that has an order goes with it."""
    is_used = await tx.one(
        "SELECT 1 FROM acme_order_authorizations WHERE authorization_id = :id LIMIT 1", id=authorization_id
    )
    has_run_out = await tx.one(
        "SELECT 1 FROM acme_authorizations WHERE id = :id AND expires_at < :now", id=authorization_id, now=now
    )
    if is_used or not has_run_out:
        await tx.execute(
            "UPDATE acme_authorizations SET ahead = :ahead WHERE id = :id", ahead=int(not is_used), id=authorization_id
        )
        return
    await tx.execute("DELETE FROM acme_caa_checks WHERE authorization_id = :id", id=authorization_id)
    await tx.execute("DELETE FROM acme_challenges WHERE authorization_id = :id", id=authorization_id)
    await tx.execute("DELETE FROM acme_authorizations WHERE id = :id", id=authorization_id)


async def old_failures(tx: Transaction, *, before: int, most: int) -> list[Row]:
    """Names that failed last before a time and are not paused: account, kind and value."""
    return await tx.all(OLD_FAILURES, before=before, most=most)


async def clear_failures(tx: Transaction, found: Iterable[Row]) -> None:
    """Remove what `old_failures` has found in the same transaction."""
    await tx.execute_each(
        "DELETE FROM acme_failures WHERE account_id = :account_id AND kind = :kind AND value = :value",
        [{"account_id": account_id, "kind": kind, "value": value} for account_id, kind, value in found],
    )

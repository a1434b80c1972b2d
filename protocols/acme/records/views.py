"""An order with all that it stands on and all that became of it, by one look."""

from __future__ import annotations

from ca_core.store.database import Transaction
from protocols.acme.objects import Authorization, Order, request_key
from protocols.acme.records import authorizations, orders
from protocols.acme.records.orders import Outcome

# One statement, which sees one moment: what waits becomes an intention in one transaction.
_VIEW = (
    f"SELECT {orders.COLUMNS}, {orders.OUTCOME}, {authorizations.COLUMNS} FROM acme_orders o"  # noqa: S608  # our own words
    " LEFT JOIN certificates c ON c.request_key = :request_key"
    " LEFT JOIN enrollment_requests r ON r.request_key = :request_key"
    " LEFT JOIN acme_order_authorizations l ON l.order_id = o.id"
    " LEFT JOIN acme_authorizations a ON a.id = l.authorization_id"
    " WHERE o.id = :id AND o.account_id = :account_id ORDER BY a.kind, a.value"
)
_OF_ORDER = orders.COLUMNS.count(",") + 1
_OF_BOTH = _OF_ORDER + orders.OUTCOME.count(",") + 1


async def of_account(
    tx: Transaction, order_id: str, account_id: str
) -> tuple[Order, Outcome, list[Authorization]] | None:
    """Find an order of one account, what the core has of it, and the authorizations that it needs, in a steady order.

    The outcome is that of an order which was finalized; one that was not is none the wiser for it.
    """
    rows = await tx.all(_VIEW, id=order_id, account_id=account_id, request_key=request_key(order_id))
    if not rows:
        return None
    needed = [authorizations.from_row(row[_OF_BOTH:]) for row in rows if row[_OF_BOTH] is not None]
    return orders.from_row(rows[0][:_OF_ORDER]), orders.outcome_of(rows[0][_OF_ORDER:_OF_BOTH]), needed

"""The certificate that an order replaces (RFC 9773, 5)."""

from __future__ import annotations

from ca_core import names
from ca_core.enrollment import Enrollment
from ca_core.errors import BadRequest, NotFound
from ca_core.store import certificates
from ca_core.store.database import Transaction
from protocols import certificate_id
from protocols.acme.errors import AlreadyReplaced
from protocols.acme.objects import Account
from protocols.acme.ordering import Ordered
from protocols.acme.records import orders


async def renewed(
    tx: Transaction, enrollment: Enrollment, account: Account, wanted: Ordered, *, now: int
) -> str | None:
    """The serial of the certificate that an order replaces at a time at which it may be: limits are not for those.

    Raises:
        BadRequest: what it is said to replace is no certificate of this account, or has none of its names.
        AlreadyReplaced: another order, or another door, was first.
    """
    if wanted.replaces is None:
        return None
    try:
        asked = certificate_id.parse(wanted.replaces)
    except NotFound as refusal:
        raise BadRequest(f"replaces: {refusal}") from None
    old = await certificates.by_serial(tx, asked.serial)
    if old is None or not asked.names(old.der) or await orders.owner_of(tx, old.serial) != account.id:
        raise BadRequest("replaces: this account has ordered no certificate of that name; leave it out")
    if names.from_canonical(old.names).isdisjoint(wanted.identifiers):
        raise BadRequest("replaces: the order has no name of the certificate that it is to replace; leave it out")
    is_replaced = await certificates.replaced_at(tx, old.serial) is not None
    # Here and not only where it is stored: what is refused costs none of the account's orders.
    if is_replaced or not await orders.release(tx, wanted.replaces, now=now):
        raise AlreadyReplaced
    return old.serial if old.is_revoked or enrollment.renewal_window(old).is_open(now) else None

"""The end of an account, and of all that waits for it (RFC 8555, 7.3.6), whoever ends it."""

from __future__ import annotations

from ca_core.audit import journal
from ca_core.audit.event import AccountDeactivated
from ca_core.referral import intake
from ca_core.store import enrollment_requests
from ca_core.store.database import Transaction
from protocols.acme import problems
from protocols.acme.objects import order_id
from protocols.acme.records import accounts, authorizations, orders

_DEACTIVATED = problems.stored("unauthorized", "the account that placed the order was deactivated")


async def deactivate(tx: Transaction, account_id: str, registration_id: str, *, actor: str, now: int) -> bool:
    """Deactivate an account for good, with its orders and authorizations: nobody could go on with them.

    Args:
        registration_id: of the account's registration.

    Returns:
        False where it is not valid any more; then nothing was changed.
    """
    if not await accounts.deactivate(tx, account_id):
        return False
    # In the order in which who settles a challenge takes them.
    await authorizations.deactivate_all(tx, account_id)
    await orders.fail_all(tx, account_id, _DEACTIVATED)
    # Spares an officer what nobody waits for any more; what is approved already is refused when it is issued.
    for waiting in await enrollment_requests.pending_of(tx, registration_id):
        id_ = order_id(waiting.request_key)
        if id_ is not None and await orders.of_account(tx, id_, account_id):
            await intake.withdraw(tx, waiting, actor=actor, now=now)
    await journal.record(tx, AccountDeactivated(account_id), now=now, actor=actor, registration_id=registration_id)
    return True

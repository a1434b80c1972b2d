"""Orders, and what the core made of them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ca_core.errors import NameNotProved, RequestRejected
from ca_core.names import Identifier
from ca_core.policy.period import WishedPeriod
from ca_core.referral.request import CLOCKWORK, EnrollmentRequest, RequestState
from ca_core.store.database import Row, Transaction
from protocols.acme import problems, states
from protocols.acme.errors import AccountNotValid, AlreadyReplaced, OrderNotReady
from protocols.acme.objects import Order, order_id, request_key
from protocols.acme.records import accounts
from protocols.acme.states import AccountStatus, AuthorizationStatus, Event, OrderStatus

COLUMNS = (
    "o.id, o.account_id, o.status, o.identifiers, o.profile, o.expires_at, o.error, o.csr_digest, o.created_at,"
    " o.not_before, o.not_after, o.replaces"
)
"""What `from_row` reads, for statements that look at `acme_orders o` beside another table."""
OUTCOME = "c.state, c.serial, r.number, r.state, r.note, r.decided_by"
"""What `outcome_of` reads, of `certificates c` and `enrollment_requests r` by the order's request key."""
_SELECT = f"SELECT {COLUMNS} FROM acme_orders o WHERE "  # noqa: S608  # our own words
_OF_ACCOUNT = (
    "SELECT c.issuer, c.der FROM certificates c"  # noqa: S608  # as above
    f" JOIN acme_orders o ON o.id = SUBSTR(c.request_key, {len(request_key('')) + 1})"
    " WHERE c.serial = :serial AND c.state = 'issued' AND c.request_key = :prefix || o.id"
    " AND o.account_id = :account_id"
)
# As `outcome` says it, for many: what is processing without a certificate or an officer's attention is invalid.
# In these words the index says it, and those without end that came to nothing are not looked through.
LISTED = (
    "SELECT o.id FROM acme_orders o WHERE o.account_id = :account_id AND o.id < :before AND o.status <> 'invalid'"
    " AND (o.status IN (:pending, :ready) AND o.expires_at >= :now OR o.status = :processing AND"
    " (EXISTS (SELECT 1 FROM certificates c WHERE c.request_key = :prefix || o.id) OR EXISTS"
    " (SELECT 1 FROM enrollment_requests r WHERE r.request_key = :prefix || o.id"
    " AND r.state IN (:waiting, :approved)))) ORDER BY o.id DESC LIMIT :most"
)
_IDENTIFIERS = msgspec.json.Decoder(tuple[Identifier, ...])


class Outcome(msgspec.Struct, frozen=True):
    """What became of a finalized order.

    Attributes:
        status: processing, valid or invalid.
        serial: of the certificate; None unless valid.
        is_reviewed: whether an officer must look before it goes on.
        why: what the officer said, where no certificate comes of it because of that; else empty.
    """

    status: OrderStatus
    serial: str | None = None
    is_reviewed: bool = False
    why: str = ""


def from_row(row: Row) -> Order:
    """The order that a row says."""
    id_, account_id, status, identifiers, profile, expires_at, error, csr_digest, created_at, *wished = row
    not_before, not_after, replaces = wished
    return Order(
        id=id_,
        account_id=account_id,
        status=OrderStatus(status),
        identifiers=_IDENTIFIERS.decode(identifiers),
        profile=profile,
        expires_at=expires_at,
        error=error,
        csr_digest=csr_digest,
        created_at=created_at,
        period=WishedPeriod(not_before, not_after),
        replaces=replaces,
    )


async def insert(tx: Transaction, order: Order, authorization_ids: Sequence[str]) -> None:
    """Store a new order over authorizations that are stored already.

    Raises:
        AlreadyReplaced: another order, which is not invalid, replaces the same certificate.
    """
    # With a look at what comes of it where there may be one; nothing can stand on an order that is not stored.
    store = tx.later if order.replaces is None else tx.execute
    inserted = await store(
        "INSERT INTO acme_orders"
        " (id, account_id, status, identifiers, profile, expires_at, error, csr_digest, created_at,"
        " not_before, not_after, replaces)"
        " VALUES (:id, :account_id, :status, :identifiers, :profile, :expires_at, NULL, NULL, :created_at,"
        " :not_before, :not_after, :replaces) ON CONFLICT DO NOTHING",
        id=order.id,
        account_id=order.account_id,
        status=order.status.value,
        identifiers=msgspec.json.encode(order.identifiers).decode(),
        profile=order.profile,
        expires_at=order.expires_at,
        created_at=order.created_at,
        not_before=order.period.not_before,
        not_after=order.period.not_after,
        replaces=order.replaces,
    )
    if inserted == 0:
        raise AlreadyReplaced
    await tx.later_each(
        "INSERT INTO acme_order_authorizations (order_id, authorization_id) VALUES (:order_id, :authorization_id)",
        [{"order_id": order.id, "authorization_id": id_} for id_ in authorization_ids],
    )


async def of_account(tx: Transaction, order_id: str, account_id: str) -> Order | None:
    """Find an order of one account; another's is as little there as one that does not exist."""
    row = await tx.one(_SELECT + "id = :id AND account_id = :account_id", id=order_id, account_id=account_id)
    return from_row(row) if row else None


async def by_request_key(tx: Transaction, key: str | None) -> Order | None:
    """Find the order behind a request, whoever owns it; None where another door has it."""
    if key is None or not key.startswith(request_key("")):
        return None
    row = await tx.one(_SELECT + "id = :id", id=key.removeprefix(request_key("")))
    return from_row(row) if row else None


async def listed(tx: Transaction, account_id: str, *, before: str, now: int, most: int) -> list[str]:
    """The ids of an account's orders that are not invalid, newest first, from below an id."""
    rows = await tx.all(
        LISTED,
        account_id=account_id,
        before=before,
        pending=OrderStatus.PENDING.value,
        ready=OrderStatus.READY.value,
        processing=OrderStatus.PROCESSING.value,
        prefix=request_key(""),
        waiting=RequestState.PENDING.value,
        approved=RequestState.APPROVED.value,
        now=now,
        most=most,
    )
    return [id_ for (id_,) in rows]


async def finalize(tx: Transaction, order_id: str, csr_digest: bytes, *, now: int) -> None:
    """Claim a ready order for one request by compare-and-set, by the end of the transaction.

    Raises:
        OrderNotReady: it is not ready any more, or its account has lost its power since it was asked.
    """
    await tx.later(
        "UPDATE acme_orders SET status = :to, csr_digest = :csr_digest"
        " WHERE id = :id AND status = :was AND expires_at >= :now"
        " AND EXISTS (SELECT 1 FROM acme_accounts a LEFT JOIN credentials c ON c.id = a.credential_id"
        " WHERE a.id = acme_orders.account_id AND a.status = :account_valid AND c.revoked_at IS NULL)",
        id=order_id,
        csr_digest=csr_digest,
        was=OrderStatus.READY.value,
        to=states.after(states.ORDER, OrderStatus.READY, Event.FINALIZED).value,
        account_valid=AccountStatus.VALID.value,
        now=now,
        or_else=lambda: OrderNotReady("the order is not ready any more"),
    )


async def over(tx: Transaction, authorization_id: str) -> list[str]:
    """The ids of the orders that stand on an authorization."""
    rows = await tx.all(
        "SELECT order_id FROM acme_order_authorizations WHERE authorization_id = :id", id=authorization_id
    )
    return [id_ for (id_,) in rows]


async def make_ready(tx: Transaction, authorization_id: str) -> None:
    """Make those pending orders over an authorization ready that wait for no other one."""
    await tx.execute(
        "UPDATE acme_orders SET status = :to WHERE status = :was"
        " AND id IN (SELECT order_id FROM acme_order_authorizations WHERE authorization_id = :needed)"
        " AND NOT EXISTS (SELECT 1 FROM acme_order_authorizations l"
        " JOIN acme_authorizations a ON a.id = l.authorization_id"
        " WHERE l.order_id = acme_orders.id AND a.status <> :valid)",
        needed=authorization_id,
        was=OrderStatus.PENDING.value,
        to=states.after(states.ORDER, OrderStatus.PENDING, Event.PROVED).value,
        valid=AuthorizationStatus.VALID.value,
    )


async def fail(tx: Transaction, authorization_id: str, error: str) -> None:
    """Make the pending and ready orders over an authorization invalid.

    Args:
        error: a problem as JSON.
    """
    for was in (OrderStatus.PENDING, OrderStatus.READY):
        await tx.execute(
            "UPDATE acme_orders SET status = :to, error = :error WHERE status = :was"
            " AND id IN (SELECT order_id FROM acme_order_authorizations WHERE authorization_id = :needed)",
            needed=authorization_id,
            error=error,
            was=was.value,
            to=states.after(states.ORDER, was, Event.FAILED).value,
        )


async def overtake(tx: Transaction, key: str | None, error: str) -> None:
    """Make the order invalid that waited for a request which a newer one takes over; nothing where no order did.

    Args:
        key: the request key of what is taken over.
        error: a problem as JSON.
    """
    id_ = order_id(key)
    if id_ is None:
        return
    await tx.execute(
        "UPDATE acme_orders SET status = :to, error = :error WHERE id = :id AND status = :was",
        id=id_,
        error=error,
        was=OrderStatus.PROCESSING.value,
        to=states.after(states.ORDER, OrderStatus.PROCESSING, Event.ABANDONED).value,
    )


FAIL_ALL = (
    "UPDATE acme_orders SET status = :to, error = :error WHERE account_id = :account_id AND status = :was"
    " AND status <> 'invalid'"
)


async def fail_all(tx: Transaction, account_id: str, error: str) -> None:
    """Make the pending and ready orders of an account invalid.

    Args:
        error: a problem as JSON.
    """
    for was in (OrderStatus.PENDING, OrderStatus.READY):
        await tx.execute_at_length(
            FAIL_ALL,
            account_id=account_id,
            error=error,
            was=was.value,
            to=states.after(states.ORDER, was, Event.FAILED).value,
        )


async def outcome(tx: Transaction, order_id: str) -> Outcome:
    """What the core's tables say about an order that was finalized.

    The claim commits with the intention, or with the request that waits for an officer, and the certificate alone says
    that the order is valid, so nothing is lost by a crash between them. No row means that the intention was given up.
    """
    # One statement, which sees one moment: what waits becomes an intention in one transaction.
    row = await tx.one(
        f"SELECT {OUTCOME} FROM (SELECT :request_key AS request_key) k"  # noqa: S608  # our own words
        " LEFT JOIN certificates c ON c.request_key = k.request_key"
        " LEFT JOIN enrollment_requests r ON r.request_key = k.request_key",
        request_key=request_key(order_id),
    )
    return outcome_of(row or (None,) * 6)


def outcome_of(row: Row) -> Outcome:
    """What became of an order that was finalized, by a row of what the core has of it."""
    state, serial, number, waiting, note, decided_by = row
    if state == "issued":
        return Outcome(states.after(states.ORDER, OrderStatus.PROCESSING, Event.ISSUED), serial)
    if state is not None:
        return Outcome(OrderStatus.PROCESSING)
    if waiting in {RequestState.PENDING, RequestState.APPROVED}:
        return Outcome(OrderStatus.PROCESSING, is_reviewed=True)
    invalid = states.after(states.ORDER, OrderStatus.PROCESSING, Event.ABANDONED)
    if waiting == RequestState.REJECTED:
        return Outcome(invalid, why=str(RequestRejected(number, note, was_approved=decided_by == CLOCKWORK)))
    if waiting == RequestState.LAPSED:
        return Outcome(invalid, why=f"request {number} was not decided in time; place a new order")
    return Outcome(invalid)


async def still_wanted(tx: Transaction, asked: EnrollmentRequest, now: int) -> None:
    """Look once more at the order behind what an officer has approved; of other doors' requests nothing is known here.

    Raises:
        AccountNotValid, BindingRevoked: its account was given up meanwhile, or the EAB key that bound it revoked.
        NameNotProved: one of its authorizations was given up meanwhile, or the proof behind it has expired.
    """
    id_ = order_id(asked.request_key)
    if id_ is None:
        return
    owner = await tx.one("SELECT account_id FROM acme_orders WHERE id = :id", id=id_)
    account = await accounts.by_id(tx, owner[0]) if owner else None
    if account is None:
        raise AccountNotValid
    account.require_power()
    given_up = await tx.one(
        "SELECT 1 FROM acme_order_authorizations l JOIN acme_authorizations z ON z.id = l.authorization_id"
        # The RA's word has no end of its own: the registration is asked anew.
        " WHERE l.order_id = :id AND (z.status <> :valid OR (z.vetted = 0 AND z.expires_at < :now)) LIMIT 1",
        id=id_,
        valid=AuthorizationStatus.VALID.value,
        now=now,
    )
    if given_up is not None:
        raise NameNotProved("an authorization of this order was given up or has expired; place a new order")


async def owner_of(tx: Transaction, serial: str) -> str | None:
    """The account whose order brought a certificate; None when none did."""
    row = await tx.one("SELECT request_key FROM certificates WHERE serial = :serial", serial=serial)
    id_ = order_id(row[0]) if row else None
    if id_ is None:
        return None
    owner = await tx.one("SELECT account_id FROM acme_orders WHERE id = :id", id=id_)
    return owner[0] if owner else None


async def certificate(tx: Transaction, serial: str, account_id: str) -> tuple[str, bytes] | None:
    """The issuer's name and the DER of a certificate that an order of an account brought; None when none did."""
    row = await tx.one(_OF_ACCOUNT, serial=serial, prefix=request_key(""), account_id=account_id)
    return (row[0], row[1]) if row else None


async def release(tx: Transaction, replaces: str, *, now: int) -> bool:
    """Give a certificate free whose replacement ran out or was given up; both are seen by time or by the core only.

    False when an order replaces it still.
    """
    # In these words the index says it, and it is found by no others.
    row = await tx.one(_SELECT + "replaces = :replaces AND status <> 'invalid'", replaces=replaces)
    if row is None:
        return True
    order = from_row(row)
    seen = Outcome(order.status_at(now))
    if order.status is OrderStatus.PROCESSING:
        seen = await outcome(tx, order.id)
    is_over = seen.status is OrderStatus.INVALID
    if is_over:
        await tx.execute(
            "UPDATE acme_orders SET status = :to, error = :error WHERE id = :id AND status = :was",
            id=order.id,
            was=order.status.value,
            to=seen.status.value,
            error=problems.stored("unauthorized", seen.why) if seen.why else None,
        )
    return is_over


async def have_run_out(tx: Transaction, *, now: int) -> bool:
    """Whether there are orders or authorizations past their date that are not marked so."""
    row = await tx.one(
        "SELECT 1 FROM acme_orders WHERE status IN ('pending', 'ready') AND expires_at < :now"
        " UNION ALL SELECT 1 FROM acme_authorizations WHERE status = 'pending' AND expires_at < :now LIMIT 1",
        now=now,
    )
    return row is not None


async def expire(tx: Transaction, error: str, *, now: int) -> None:
    """Mark the orders that ran out while they waited.

    Args:
        error: a problem as JSON.
    """
    # In these words the index says it; by others all orders would be looked through.
    await tx.execute_at_length(
        "UPDATE acme_orders SET status = :to, error = :error"
        " WHERE status IN ('pending', 'ready') AND expires_at < :now",
        to=states.after(states.ORDER, OrderStatus.READY, Event.EXPIRED).value,
        error=error,
        now=now,
    )

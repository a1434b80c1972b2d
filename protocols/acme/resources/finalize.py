"""finalize (RFC 8555, 7.4)."""

from __future__ import annotations

import hashlib

from ca_core.errors import NameNotProved, Refusal
from ca_core.order_claim import OrderClaim
from ca_core.policy.request import CertificationRequest
from ca_core.referral.request import EnrollmentRequest, Referred
from ca_core.store.database import Transaction
from protocols import certificate_id
from protocols.acme import csr, messages, problems
from protocols.acme.errors import AccountNotValid, OrderNotReady
from protocols.acme.jws import members
from protocols.acme.records import accounts, orders
from protocols.acme.records.orders import Outcome
from protocols.acme.resources.orders import View, view
from protocols.acme.services import AcmeServices
from protocols.acme.sign_in import ByAccount
from protocols.acme.states import AuthorizationStatus, OrderStatus
from protocols.wire import Reply

_OVERTAKEN = problems.stored(
    "unauthorized", "a newer order took its place: an officer looks at that one; wait for its certificate"
)


class Finalize:
    """Ready orders become certificates."""

    def __init__(self, services: AcmeServices) -> None:
        self._services = services
        self._clock = services.clock
        self._enrollment = services.enrollment
        self._links = services.links

    async def finalize(self, asked: ByAccount, id_: str) -> Reply:
        """Have the certificate of a ready order issued, once, however often and by whomever it is asked for.

        The same request again gets the order as it is: a lost answer costs nothing (DESIGN, invariant 6).

        Raises:
            NotFound: there is none, or it is another account's.
            OrderNotReady: it is not ready, or another request has finalized it.
            AccountNotValid, BindingRevoked: its account has lost its power since the sign-in.
            BadCsr: the request is not for this order; which stays ready, as with every other refusal.
            Refusal: whatever the core has against it.
        """
        der = csr.decoded(members(asked.payload, messages.Finalize).csr)
        digest = hashlib.sha256(der).digest()
        seen = await view(self._services, asked, id_)
        if seen.is_finalized_by(digest):
            return seen.shown(self._links)
        if seen.outcome.status is not OrderStatus.READY:
            await self._require_power(asked)
            raise OrderNotReady(f"the order is {seen.outcome.status}; only a ready one can be finalized")
        request = csr.read(der, frozenset(seen.order.identifiers), asked.account.key)
        try:
            outcome = await self._issue(asked, seen, request, digest)
        except Refusal:
            # A finalize that ran beside this one may have won, and then the window is closed to us.
            seen = await view(self._services, asked, id_)
            if seen.is_finalized_by(digest):
                return seen.shown(self._links)
            # An account that was given up has taken its orders with it (docs/decisions/031).
            await self._require_power(asked)
            if seen.outcome.status is not OrderStatus.READY:
                raise OrderNotReady(f"the order is {seen.outcome.status} by another request") from None
            raise
        return View(seen.order, outcome, seen.authorizations).shown(self._links)

    async def _require_power(self, asked: ByAccount) -> None:
        """Look once more at who asks, as the sign-in did.

        Raises:
            AccountNotValid, BindingRevoked: it has lost its power since.
        """
        async with self._services.database.read() as tx:
            account = await accounts.by_id(tx, asked.account.id)
        if account is None:
            raise AccountNotValid
        account.require_power()

    async def _issue(self, asked: ByAccount, seen: View, request: CertificationRequest, digest: bytes) -> Outcome:
        now = self._clock.now()
        order = seen.order
        if any(one.status_at(now) is not AuthorizationStatus.VALID for one in seen.authorizations):
            raise NameNotProved("an authorization of this order is not valid any more; place a new order")
        # Not the vetted ones: the registration speaks for itself, and may say something else by now.
        challenged = [one for one in seen.authorizations if not one.vetted]
        proved = frozenset(name for name in order.identifiers if any(one.covers(name) for one in challenged))

        if self._services.permission is not None:
            await self._services.permission.require(asked.account, order.identifiers, challenged, source=asked.source)

        async def claim(tx: Transaction, taken: EnrollmentRequest | None) -> None:
            await orders.finalize(tx, order.id, digest, now=now)
            if taken is not None:
                await orders.overtake(tx, taken.request_key, _OVERTAKEN)

        issued = await self._enrollment.enroll(
            asked.applicant(proved),
            request,
            profile_name=order.profile,
            order=OrderClaim(
                order.request_key,
                frozenset(order.identifiers),
                claim,
                account=asked.account.asker,
                credential_id=asked.account.credential_id,
                is_open=asked.account.is_open,
                period=order.period,
                replaces=certificate_id.parse(order.replaces).serial if order.replaces else None,
            ),
        )
        if isinstance(issued, Referred):
            return Outcome(OrderStatus.PROCESSING, is_reviewed=True)
        return Outcome(OrderStatus.VALID, issued.serial)

"""Orders as they are shown (RFC 8555, 7.1.3)."""

from __future__ import annotations

import msgspec

from ca_core.errors import NotFound
from protocols.acme import problems, render
from protocols.acme.links import Links
from protocols.acme.objects import Authorization, Order
from protocols.acme.records import views
from protocols.acme.records.orders import Outcome
from protocols.acme.services import AcmeServices
from protocols.acme.sign_in import ByAccount
from protocols.acme.states import OrderStatus
from protocols.wire import Reply

_ABANDONED = problems.stored("serverInternal", "the certificate could not be issued; place a new order")
EXPIRED = problems.stored("unauthorized", "the order has expired before it was finalized; place a new order")


class View(msgspec.Struct, frozen=True):
    """An order as it stands now."""

    order: Order
    outcome: Outcome
    authorizations: tuple[Authorization, ...]

    def is_finalized_by(self, csr_digest: bytes) -> bool:
        """Whether this very request has finalized it."""
        finalized = self.outcome.status in {OrderStatus.PROCESSING, OrderStatus.VALID}
        return finalized and self.order.csr_digest == csr_digest

    def shown(self, links: Links, *, status: int = 200) -> Reply:
        """The answer that shows it."""
        ids, seen = [one.id for one in self.authorizations], self.outcome
        wait_seconds = render.REVIEW_SECONDS if seen.is_reviewed else render.WAIT_SECONDS
        return render.order(links, self.order, seen.status, ids, seen.serial, status=status, wait_seconds=wait_seconds)


class Orders:
    """Orders are read."""

    def __init__(self, services: AcmeServices) -> None:
        self._services = services

    async def read(self, asked: ByAccount, id_: str) -> Reply:
        """Show an order.

        Raises:
            NotFound: there is none, or it is another account's.
            BadRequest: there is a payload.
        """
        asked.require_post_as_get()
        return (await view(self._services, asked, id_)).shown(self._services.links)


async def view(services: AcmeServices, asked: ByAccount, id_: str) -> View:
    """Look at an order of the account that asks.

    Raises:
        NotFound: there is none, or it is another account's.
    """
    async with services.database.read() as tx:
        found = await views.of_account(tx, id_, asked.account.id)
    if found is None:
        raise NotFound("there is no such order, or it is not yours")
    order, outcome, needed = found
    if order.status is not OrderStatus.PROCESSING:
        outcome = Outcome(order.status_at(services.clock.now()))
    if outcome.status is OrderStatus.INVALID and order.error is None:
        order = msgspec.structs.replace(order, error=_why_invalid(order, outcome))
    return View(order, outcome, tuple(needed))


def _why_invalid(order: Order, outcome: Outcome) -> str:
    """What happened to an order that no challenge has failed."""
    if outcome.why:
        return problems.stored("unauthorized", outcome.why)
    return _ABANDONED if order.csr_digest is not None else EXPIRED

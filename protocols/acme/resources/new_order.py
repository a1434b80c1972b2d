"""newOrder (RFC 8555, 7.4)."""

from __future__ import annotations

from ca_core.audit import journal
from ca_core.audit.event import Event, NamesGranted
from ca_core.policy.profile import Profile
from ca_core.store import holds, registrations
from ca_core.store.database import Transaction
from protocols.acme import order_messages, ordering
from protocols.acme.events import OrderPlaced
from protocols.acme.objects import Authorization
from protocols.acme.ordering import Ordered
from protocols.acme.records import orders
from protocols.acme.records.orders import Outcome
from protocols.acme.resources import replacing
from protocols.acme.resources.authorizing import authorize
from protocols.acme.resources.orders import View
from protocols.acme.services import AcmeServices
from protocols.acme.sign_in import ByAccount
from protocols.wire import Reply


class NewOrder:
    """Orders are placed."""

    def __init__(self, services: AcmeServices) -> None:
        self._database = services.database
        self._clock = services.clock
        self._enrollment = services.enrollment
        self._limits = services.limits
        self._links = services.links
        self._types = services.options.challenges

    async def create(self, asked: ByAccount, _: str) -> Reply:
        """Place an order; what it stands on is decided in the transaction that stores it.

        Raises:
            BadRequest, BadName, UnsupportedIdentifier: as they say.
            NameNotGranted: one name is not to be had.
            RejectedIdentifiers, MalformedIdentifiers: several are not, or cannot even be read.
            ProfileNotGranted, ProfileNotOffered, PeriodNotOffered, TooEarly: as they say.
            AlreadyReplaced: another order replaces the same certificate.
            NamesPaused, Throttled: as they say.
        """
        message = order_messages.new_order(asked.payload)
        named, rejected = order_messages.named(message)
        wanted = Ordered(tuple(one.identifier for one in named), message.period, message.replaces)
        now = self._clock.now()
        async with self._database.write() as tx:
            await tx.hold(holds.registration(asked.registration.id), shared=True)
            registration = await registrations.by_id(tx, asked.registration.id)
            registration.require_active(now)
            profile = ordering.chosen(self._enrollment.profiles, asked.account, registration, message.profile)
            ordering.require_obtainable(asked.account, registration, profile, named, rejected, types=self._types)
            replaced = await replacing.renewed(tx, self._enrollment, asked.account, wanted, now=now)
            names = frozenset(wanted.identifiers)
            renews = await self._enrollment.foresee(
                tx, registration, profile, names, replaces=replaced, period=wanted.period, now=now
            )
            renews = replaced or renews
            self._limits.may_order(asked.account, source=asked.source, renews=renews, now=now)
            needs = [ordering.needed(asked.account, registration, one, self._types) for one in named]
            used = (await authorize(tx, self._limits, asked, needs, now=now)).used
            view = await self._place(tx, asked, profile, wanted, used, now=now)
            # At the end: until the commit, whoever counts for the same account or registration waits.
            await self._limits.order(tx, asked.account, source=asked.source, renews=renews, now=now)
        return view.shown(self._links, status=201)

    async def _place(
        self,
        tx: Transaction,
        asked: ByAccount,
        profile: Profile,
        wanted: Ordered,
        used: tuple[Authorization, ...],
        *,
        now: int,
    ) -> View:
        order = ordering.ordered(asked.account, wanted, profile, used, now=now)
        await orders.insert(tx, order, [one.id for one in used])
        if granted := tuple(sorted(str(one.identifier) for one in used if one.vetted)):
            await self._record(tx, NamesGranted(order=order.id, names=granted), asked, now=now)
        # One row says it all where every name is vetted.
        if len(granted) < len(used):
            names = tuple(sorted(map(str, order.identifiers)))
            await self._record(tx, OrderPlaced(order=order.id, names=names), asked, now=now)
        return View(order, Outcome(order.status), used)

    async def _record(self, tx: Transaction, event: Event, asked: ByAccount, *, now: int) -> None:
        actor, registration_id = asked.applicant().actor, asked.registration.id
        await journal.record(tx, event, now=now, actor=actor, registration_id=registration_id)

"""newOrder, orders and finalize (RFC 8555, 7.1.3, 7.4)."""

from __future__ import annotations

import hashlib

import msgspec

from ca_core.applicant import Door
from ca_core.audit import journal
from ca_core.audit.event import Event, NamesGranted
from ca_core.enrollment import OrderClaim
from ca_core.errors import NameNotProved, NotFound, ProfileNotOffered, Refusal
from ca_core.names import Identifier
from ca_core.policy.profile import Profile
from ca_core.policy.request import CertificationRequest
from ca_core.registration.account import Registration
from ca_core.store import registrations
from ca_core.store.database import Transaction
from protocols.acme import csr, messages, ordering, problems, render
from protocols.acme.errors import OrderNotReady
from protocols.acme.events import OrderPlaced
from protocols.acme.jws import members
from protocols.acme.objects import Authorization, Order
from protocols.acme.records import authorizations, orders
from protocols.acme.records.orders import Outcome
from protocols.acme.services import AcmeServices
from protocols.acme.sign_in import ByAccount
from protocols.acme.states import AuthorizationStatus, OrderStatus
from protocols.wire import Reply

_ABANDONED = problems.stored("serverInternal", "the certificate could not be issued; place a new order")


class _View(msgspec.Struct, frozen=True):
    """An order as it stands now."""

    order: Order
    outcome: Outcome
    authorizations: tuple[Authorization, ...]

    def is_finalized_by(self, csr_digest: bytes) -> bool:
        """Whether this very request has finalized it."""
        finalized = self.outcome.status in {OrderStatus.PROCESSING, OrderStatus.VALID}
        return finalized and self.order.csr_digest == csr_digest


class Orders:
    """Orders are placed, read and finalized."""

    def __init__(self, services: AcmeServices) -> None:
        self._database = services.database
        self._clock = services.clock
        self._enrollment = services.enrollment
        self._links = services.links

    async def create(self, asked: ByAccount, _: str) -> Reply:
        """Place an order; what it stands on is decided in the transaction that stores it.

        Raises:
            BadRequest, BadName, UnsupportedIdentifier: as they say.
            NameNotGranted, RejectedIdentifiers: one name or several are not to be had.
            ProfileNotGranted, ProfileNotOffered, TooEarly: as they say.
        """
        message = messages.new_order(asked.payload)
        identifiers = messages.identifiers(message)
        now = self._clock.now()
        async with self._database.write() as tx:
            registration = await registrations.by_id(tx, asked.registration.id)
            registration.require_active(now)
            profile = self._profile(registration, message.profile)
            ordering.require_obtainable(asked.account, registration, profile, identifiers)
            await self._enrollment.foresee(tx, registration, profile, frozenset(identifiers), now=now)
            view = await self._place(tx, asked, registration, profile, identifiers, now=now)
        return self._shown(view, status=201)

    async def read(self, asked: ByAccount, id_: str) -> Reply:
        """Show an order.

        Raises:
            NotFound: there is none, or it is another account's.
            BadRequest: there is a payload.
        """
        asked.require_post_as_get()
        return self._shown(await self._view(asked, id_))

    async def finalize(self, asked: ByAccount, id_: str) -> Reply:
        """Have the certificate of a ready order issued, once, however often and by whomever it is asked for.

        The same request again gets the order as it is: a lost answer costs nothing (DESIGN, invariant 6).

        Raises:
            NotFound: there is none, or it is another account's.
            OrderNotReady: it is not ready, or another request has finalized it.
            BadCsr: the request is not for this order; which stays ready, as with every other refusal.
            Refusal: whatever the core has against it.
        """
        der = csr.decoded(members(asked.payload, messages.Finalize).csr)
        digest = hashlib.sha256(der).digest()
        view = await self._view(asked, id_)
        if view.is_finalized_by(digest):
            return self._shown(view)
        if view.outcome.status is not OrderStatus.READY:
            raise OrderNotReady(f"the order is {view.outcome.status}; only a ready one can be finalized")
        request = csr.read(der, frozenset(view.order.identifiers), asked.account.key)
        try:
            await self._issue(asked, view, request, digest)
        except Refusal:
            # A finalize that ran beside this one may have won, and then the window is closed to us.
            view = await self._view(asked, id_)
            if view.is_finalized_by(digest):
                return self._shown(view)
            if view.outcome.status is not OrderStatus.READY:
                raise OrderNotReady(f"the order is {view.outcome.status} by another request") from None
            raise
        return self._shown(await self._view(asked, id_))

    def _profile(self, registration: Registration, name: str | None) -> Profile:
        profile = self._enrollment.profile(name or self._enrollment.default_profile(registration, Door.ACME))
        registration.require_profile(profile.name)
        if Door.ACME not in profile.doors:
            raise ProfileNotOffered(f"the profile {profile.name} is not offered through ACME")
        return profile

    async def _place(
        self,
        tx: Transaction,
        asked: ByAccount,
        registration: Registration,
        profile: Profile,
        identifiers: tuple[Identifier, ...],
        *,
        now: int,
    ) -> _View:
        used, made = [], []
        for identifier in identifiers:
            vetted = ordering.is_vetted(asked.account, registration, identifier)
            proved = (
                None
                if vetted
                else await authorizations.proved(
                    tx, asked.account.id, identifier, good_until=now + ordering.ORDER_SECONDS
                )
            )
            if proved is None:
                made.append(ordering.authorizing(asked.account, identifier, vetted=vetted, now=now))
            used.append(proved or made[-1].authorization)
        is_ready = all(one.status is AuthorizationStatus.VALID for one in used)
        order = ordering.ordered(asked.account, identifiers, profile, is_ready=is_ready, now=now)
        await authorizations.insert(
            tx,
            [one.authorization for one in made],
            [challenge for one in made for challenge in one.challenges],
        )
        await orders.insert(tx, order, [one.id for one in used])
        if granted := tuple(sorted(str(one.identifier) for one in used if one.vetted)):
            await self._record(tx, NamesGranted(order=order.id, names=granted), asked, now=now)
        # One row says it all where every name is vetted.
        if len(granted) < len(used):
            names = tuple(sorted(map(str, identifiers)))
            await self._record(tx, OrderPlaced(order=order.id, names=names), asked, now=now)
        return _View(order, Outcome(order.status), tuple(used))

    async def _record(self, tx: Transaction, event: Event, asked: ByAccount, *, now: int) -> None:
        actor, registration_id = asked.applicant().actor, asked.registration.id
        await journal.record(tx, event, now=now, actor=actor, registration_id=registration_id)

    async def _view(self, asked: ByAccount, id_: str) -> _View:
        async with self._database.read() as tx:
            order = await orders.of_account(tx, id_, asked.account.id)
            if order is None:
                raise NotFound("there is no such order, or it is not yours")
            needed = await authorizations.of_order(tx, order.id)
            if order.status is OrderStatus.PROCESSING:
                outcome = await orders.outcome(tx, order.id)
            else:
                outcome = Outcome(order.status_at(self._clock.now()))
        if order.status is OrderStatus.PROCESSING and outcome.status is OrderStatus.INVALID:
            order = msgspec.structs.replace(order, error=_ABANDONED)
        return _View(order, outcome, tuple(needed))

    def _shown(self, view: _View, *, status: int = 200) -> Reply:
        ids = [one.id for one in view.authorizations]
        return render.order(self._links, view.order, view.outcome.status, ids, view.outcome.serial, status=status)

    async def _issue(self, asked: ByAccount, view: _View, request: CertificationRequest, digest: bytes) -> None:
        now = self._clock.now()
        order = view.order
        if any(one.status_at(now) is not AuthorizationStatus.VALID for one in view.authorizations):
            raise NameNotProved("an authorization of this order is not valid any more; place a new order")
        # Not the vetted ones: the registration speaks for itself, and may say something else by now.
        proved = frozenset(one.identifier for one in view.authorizations if not one.vetted)

        async def claim(tx: Transaction) -> None:
            if not await orders.finalize(tx, order.id, digest, now=now):
                raise OrderNotReady("the order is not ready any more")

        await self._enrollment.enroll(
            asked.applicant(proved),
            request,
            profile_name=order.profile,
            order=OrderClaim(order.request_key, frozenset(order.identifiers), claim),
        )

"""newOrder (RFC 8555, 7.4)."""

from __future__ import annotations

from ca_core.applicant import Door
from ca_core.audit import journal
from ca_core.audit.event import Event, NamesGranted
from ca_core.errors import ProfileNotOffered
from ca_core.names import Identifier
from ca_core.policy.profile import Profile
from ca_core.registration.account import Registration
from ca_core.store import registrations
from ca_core.store.database import Transaction
from protocols.acme import messages, ordering
from protocols.acme.events import OrderPlaced
from protocols.acme.records import authorizations, failures, orders
from protocols.acme.records.orders import Outcome
from protocols.acme.resources.orders import View
from protocols.acme.services import AcmeServices
from protocols.acme.sign_in import ByAccount
from protocols.acme.states import AuthorizationStatus
from protocols.wire import Reply


class NewOrder:
    """Orders are placed."""

    def __init__(self, services: AcmeServices) -> None:
        self._database = services.database
        self._clock = services.clock
        self._enrollment = services.enrollment
        self._limits = services.limits
        self._links = services.links

    async def create(self, asked: ByAccount, _: str) -> Reply:
        """Place an order; what it stands on is decided in the transaction that stores it.

        Raises:
            BadRequest, BadName, UnsupportedIdentifier: as they say.
            NameNotGranted, RejectedIdentifiers: one name or several are not to be had.
            ProfileNotGranted, ProfileNotOffered, TooEarly: as they say.
            NamesPaused, Throttled: as they say.
        """
        message = messages.new_order(asked.payload)
        identifiers = messages.identifiers(message)
        now = self._clock.now()
        async with self._database.write() as tx:
            registration = await registrations.by_id(tx, asked.registration.id)
            registration.require_active(now)
            profile = self._profile(registration, message.profile)
            ordering.require_obtainable(asked.account, registration, profile, identifiers)
            renews = await self._enrollment.foresee(tx, registration, profile, frozenset(identifiers), now=now)
            self._limits.order(asked.account, source=asked.source, renews=renews, now=now)
            view = await self._place(tx, asked, registration, profile, identifiers, now=now)
        return view.shown(self._links, status=201)

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
    ) -> View:
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
        if pending := [one.authorization.identifier for one in made if not one.authorization.vetted]:
            standing = await failures.standing(tx, asked.account.id, now=now)
            self._limits.challenged(standing, pending, registered_as=registration.account)
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
        return View(order, Outcome(order.status), tuple(used))

    async def _record(self, tx: Transaction, event: Event, asked: ByAccount, *, now: int) -> None:
        actor, registration_id = asked.applicant().actor, asked.registration.id
        await journal.record(tx, event, now=now, actor=actor, registration_id=registration_id)

"""newAuthz: a name is authorized ahead of its order (RFC 8555, 7.4.1; RFC 9444, 4.2)."""

from __future__ import annotations

from ca_core.applicant import Door
from ca_core.audit import journal
from ca_core.audit.event import NamesGranted
from ca_core.errors import NameNotGranted
from ca_core.names import Identifier
from ca_core.registration.account import Registration
from ca_core.store import holds, registrations
from protocols.acme import order_messages, ordering, render
from protocols.acme.events import NameAsked
from protocols.acme.jws import members
from protocols.acme.objects import Authorization
from protocols.acme.order_messages import Named, NewAuthorization
from protocols.acme.ordering import Needed
from protocols.acme.records import authorizations
from protocols.acme.resources.authorizing import authorize
from protocols.acme.services import AcmeServices
from protocols.acme.sign_in import ByAccount
from protocols.wire import Reply


class NewAuthorizations:
    """Names are authorized ahead of their orders."""

    def __init__(self, services: AcmeServices) -> None:
        self._database = services.database
        self._clock = services.clock
        self._enrollment = services.enrollment
        self._limits = services.limits
        self._links = services.links
        self._types = services.options.challenges
        self._issuers = services.options.caa_identities

    async def create(self, asked: ByAccount, _: str) -> Reply:
        """Authorize a name, or show the authorization that the account has of it; later orders use it.

        201 in both cases: Go's library takes no other status.

        Raises:
            BadRequest, BadName, UnsupportedIdentifier: as they say.
            NameNotGranted: no certificate that the account may order could have it.
            ProfileNotGranted: it may order none here at all.
            NamesPaused, Throttled: as they say.
        """
        message = members(asked.payload, NewAuthorization)
        identifier = order_messages.to_authorize(message)
        now = self._clock.now()
        async with self._database.write() as tx:
            await tx.hold(holds.registration(asked.registration.id), shared=True)
            registration = await registrations.by_id(tx, asked.registration.id)
            registration.require_active(now)
            need = self._needed(asked, registration, identifier, spans=message.spans)
            # As an order: whoever asks without end writes a row of the journal each time.
            self._limits.may_order(asked.account, source=asked.source, renews=None, now=now)
            found = await authorize(tx, self._limits, asked, [need], reuses_vetted=True, now=now)
            (authorization,) = found.used
            challenges = await authorizations.challenges(tx, authorization.id)
            if found.made:
                await authorizations.set_ahead(tx, authorization.id)
                actor, event = asked.applicant().actor, _event(authorization)
                await journal.record(tx, event, now=now, actor=actor, registration_id=registration.id)
            await self._limits.order(tx, asked.account, source=asked.source, renews=None, now=now)
        return render.authorization(self._links, authorization, challenges, now=now, status=201, issuers=self._issuers)

    def _needed(self, asked: ByAccount, registration: Registration, identifier: Identifier, *, spans: bool) -> Needed:
        if spans:
            ordering.require_ancestor(registration, identifier)
            need = Needed(identifier, vetted=False, types=self._types, spans=True)
            if not ordering.offered(need):
                raise NameNotGranted(f"no challenge proves control of all names below {identifier.value} here")
            return need
        named = Named(identifier)
        refusals = []
        # Of the profiles that its EAB key is for: an authorization is also good for revoking (RFC 8555, 7.6).
        for profile in self._enrollment.offered(asked.account.narrowed(registration), Door.ACME):
            try:
                ordering.require_obtainable(asked.account, registration, profile, [named], types=self._types)
            except NameNotGranted as why:
                refusals.append(why)
            else:
                return ordering.needed(asked.account, registration, named, self._types)
        raise refusals[0]


def _event(authorization: Authorization) -> NamesGranted | NameAsked:
    name = str(authorization.identifier)
    if authorization.vetted:
        return NamesGranted(order="", names=(name,))
    return NameAsked(authorization=authorization.id, name=name, spans=authorization.spans)

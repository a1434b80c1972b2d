"""Authorizations (RFC 8555, 7.1.4, 7.5)."""

from __future__ import annotations

import msgspec

from ca_core.audit import journal
from ca_core.errors import NotFound, WrongState
from ca_core.store import holds
from ca_core.store.database import Transaction
from protocols.acme import messages, problems, render, states
from protocols.acme.events import AuthorizationDeactivated
from protocols.acme.jws import members
from protocols.acme.objects import Authorization
from protocols.acme.records import authorizations, orders
from protocols.acme.services import AcmeServices
from protocols.acme.sign_in import ByAccount
from protocols.acme.states import Event
from protocols.wire import Reply


class Authorizations:
    """Authorizations are read and given up."""

    def __init__(self, services: AcmeServices) -> None:
        self._database = services.database
        self._clock = services.clock
        self._links = services.links
        self._issuers = services.options.caa_identities

    async def read_or_deactivate(self, asked: ByAccount, id_: str) -> Reply:
        """Show an authorization, or give it up, and with it its unfinished orders (RFC 8555, 7.5.2).

        Raises:
            NotFound: there is none, or it is another account's.
            WrongState: it cannot be given up, being neither pending nor valid.
            BadRequest: a payload that is no such object.
        """
        async with self._database.read() as tx:
            found = await self._own(tx, asked, id_)
        if not asked.is_post_as_get:
            update = members(asked.payload, messages.AuthorizationUpdate)
            if update.status == messages.DEACTIVATED:
                found = await self._deactivate(asked, found)
        async with self._database.read() as tx:
            challenges = await authorizations.challenges(tx, found.id)
        return render.authorization(self._links, found, challenges, now=self._clock.now(), issuers=self._issuers)

    async def _deactivate(self, asked: ByAccount, found: Authorization) -> Authorization:
        now = self._clock.now()
        to = states.after(states.AUTHORIZATION, found.status_at(now), Event.DEACTIVATED)
        error = problems.stored("unauthorized", f"the authorization for {found.identifier} was deactivated")
        async with self._database.write() as tx:
            await tx.hold(holds.acme_name(found.account_id, found.identifier.kind, found.identifier.value))
            if not await authorizations.move(tx, found, Event.DEACTIVATED):
                raise WrongState("the authorization has just changed; look at it again")
            await orders.fail(tx, found.id, error)
            await journal.record(
                tx,
                AuthorizationDeactivated(authorization=found.id, name=str(found.identifier)),
                now=now,
                actor=asked.applicant().actor,
                registration_id=asked.registration.id,
            )
        return msgspec.structs.replace(found, status=to)

    async def _own(self, tx: Transaction, asked: ByAccount, id_: str) -> Authorization:
        found = await authorizations.of_account(tx, id_, asked.account.id)
        if found is None:
            raise NotFound("there is no such authorization, or it is not yours")
        return found

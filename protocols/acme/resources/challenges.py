"""Challenges (RFC 8555, 7.1.5, 7.5.1)."""

from __future__ import annotations

import msgspec

from ca_core.errors import NotFound, WrongState
from ca_core.store import work
from ca_core.store.database import Transaction
from protocols.acme import messages, render, retrying, states
from protocols.acme.jws import members
from protocols.acme.objects import Authorization, Challenge
from protocols.acme.records import authorizations, validations
from protocols.acme.records.validations import VALIDATE_CHALLENGE
from protocols.acme.services import AcmeServices
from protocols.acme.sign_in import ByAccount
from protocols.acme.states import AuthorizationStatus, ChallengeStatus, Event
from protocols.wire import Reply


class Challenges:
    """Challenges are read, and answered once."""

    def __init__(self, services: AcmeServices) -> None:
        self._services = services
        self._database = services.database
        self._clock = services.clock

    async def read_or_answer(self, asked: ByAccount, id_: str) -> Reply:
        """Show a challenge, or have it looked at.

        A challenge that is finished is shown: @root/acme posts such ones again. One that is on its way is looked at
        again now, if the last time was not just now (RFC 8555, 8.2). One of an authorization that another challenge
        has made valid is shown too: nothing is left to prove.

        Raises:
            NotFound: there is none, or it is another account's.
            WrongState: its authorization has expired or ended otherwise, or its type is not offered any more.
            Throttled: too many challenges failed of late.
            BadRequest: a payload that is no object.
        """
        async with self._database.read() as tx:
            found, authorization = await self._own(tx, asked, id_)
        if not asked.is_post_as_get:
            members(asked.payload, messages.Answer)
            if found.status is ChallengeStatus.PENDING and authorization.status is not AuthorizationStatus.VALID:
                found = await self._answer(found, authorization, asked)
            elif found.status is ChallengeStatus.PROCESSING:
                await self._hasten(found)
        return render.challenge(
            self._services.links,
            found,
            wait_seconds=await self._wait_seconds(found),
            issuers=self._services.options.caa_identities,
        )

    async def _answer(self, found: Challenge, authorization: Authorization, asked: ByAccount) -> Challenge:
        now = self._clock.now()
        async with self._database.read() as tx:
            await self._services.limits.look(tx, asked.account, source=asked.source, now=now)
        status = authorization.status_at(now)
        if status is not AuthorizationStatus.PENDING:
            raise WrongState(f"the authorization is {status}; place a new order")
        if found.type not in self._services.options.challenges:
            raise WrongState(f"{found.type} is not offered here any more; place a new order")
        async with self._database.write() as tx:
            # Of two answers at once one moves it; both are told the same.
            if await authorizations.move_challenge(tx, found, Event.ANSWERED, answered_from=asked.source):
                await work.add(tx, VALIDATE_CHALLENGE, found.id, now=now)
        self._services.wake()
        to = states.after(states.CHALLENGE, found.status, Event.ANSWERED)
        return msgspec.structs.replace(found, status=to)

    async def _hasten(self, found: Challenge) -> None:
        now = self._clock.now()
        async with self._database.write() as tx:
            waiting = await validations.waiting(tx, found.id)
            if waiting is None or not retrying.may_hasten(due_at=waiting.due_at, attempts=waiting.attempts, now=now):
                return
            await validations.hasten(tx, found.id, waiting, now=now)
        self._services.wake()

    async def _wait_seconds(self, found: Challenge) -> int:
        """How long until it was looked at next; a challenge that is settled waits for nothing."""
        if found.status is not ChallengeStatus.PROCESSING:
            return 0
        async with self._database.read() as tx:
            waiting = await validations.waiting(tx, found.id)
        return retrying.wait_seconds(due_at=waiting.due_at, now=self._clock.now()) if waiting else 1

    async def _own(self, tx: Transaction, asked: ByAccount, id_: str) -> tuple[Challenge, Authorization]:
        found = await authorizations.challenge(tx, id_)
        owner = await authorizations.of_account(tx, found.authorization_id, asked.account.id) if found else None
        if found is None or owner is None:
            raise NotFound("there is no such challenge, or it is not yours")
        return found, owner

"""Looking at challenges, after the answer to the client and apart from it (RFC 8555, 8.2)."""

from __future__ import annotations

import asyncio

import msgspec

from ca_core.audit import journal
from ca_core.audit.event import NameProved
from ca_core.clock import Clock
from ca_core.store import holds, work
from ca_core.store.database import Database, Transaction
from ca_core.work.item import Item
from protocols.acme import challenges, persistence, problems, retrying
from protocols.acme.events import ChallengeFailed
from protocols.acme.links import Links, Resource
from protocols.acme.objects import Account, Authorization, Challenge
from protocols.acme.pauses import Outcomes
from protocols.acme.permission import Permission
from protocols.acme.persistence import Expected
from protocols.acme.probes import OUR_PROBLEM, Probes, Question, Seen
from protocols.acme.records import accounts, authorizations, orders, past_keys, validations
from protocols.acme.records.validations import VALIDATE_CHALLENGE, Share
from protocols.acme.states import AccountStatus, AuthorizationStatus, ChallengeStatus, Event

AUTHORIZED_SECONDS = 30 * 86_400
"""How long a proof of control holds."""

MOST_PROBES = 64
MOST_FOR_HOLDER = 16
"""A registration whose hosts are dead holds up itself, and nobody else."""
MOST_FOR_NAME = 4
ACTOR = "server:validator"

_LEASE_SECONDS = 45
_LOOK_AGAIN_SECONDS = 0.5
# Where one challenge has settled an authorization, another that was answered too still ends in its own way.
_LOOKED_AT = frozenset({AuthorizationStatus.PENDING, AuthorizationStatus.VALID, AuthorizationStatus.INVALID})


class _Task(msgspec.Struct, frozen=True):
    """One challenge with what is needed to look at it."""

    challenge: Challenge
    authorization: Authorization
    account: Account
    past_keys: tuple[str, ...]


_GIVEN_UP = Seen(proved=False, problem=OUR_PROBLEM, detail="the probe failed again and again; ask the operator")
"""After so many attempts that ended in a bug of ours, the client is to hear of it rather than wait for ever."""

_TOO_LATE = Seen(proved=False, problem="unauthorized", detail="the authorization expired before it was proved")
"""Such an authorization has been shown as invalid, and nothing brings it back to life."""


class Validator:
    """Probes what clients say is ready, many at once, and stores what was seen."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        probes: Probes,
        outcomes: Outcomes,
        links: Links,
        *,
        permission: Permission | None = None,
        issuers: tuple[str, ...] = (),
    ) -> None:
        self._database = database
        self._clock = clock
        self._probes = probes
        self._outcomes = outcomes
        self._links = links
        self._permission = permission
        self._issuers = issuers

    async def turn(self) -> None:
        """One turn of the worker: until nothing is due and nothing is being probed.

        What comes meanwhile is taken up within half a second, so that nobody waits for another's dead host.
        After a bug nothing more is begun; what is under way is finished, and then the bug flies. Its item
        comes again when the lease has run out.
        """
        probing: set[asyncio.Task[None]] = set()
        bugs: list[BaseException] = []
        try:
            while True:
                if not bugs:
                    items = await self._lease(MOST_PROBES - len(probing))
                    probing |= {asyncio.create_task(self._look(item)) for item in items}
                if not probing:
                    break
                done, probing = await asyncio.wait(
                    probing, timeout=_LOOK_AGAIN_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                bugs += [bug for task in done if (bug := task.exception()) is not None]
        finally:
            for task in probing:
                task.cancel()
        if bugs:
            raise bugs[0]

    async def _lease(self, most: int) -> list[Item]:
        now = self._clock.now()
        async with self._database.read() as tx:
            if most < 1 or not await work.is_due(tx, VALIDATE_CHALLENGE, now=now):
                return []
        share = Share(most, MOST_FOR_HOLDER, MOST_FOR_NAME)
        async with self._database.write() as tx:
            return await validations.lease(tx, share, now=now, until=now + _LEASE_SECONDS)

    async def _look(self, item: Item) -> None:
        async with self._database.read() as tx:
            task = await _task(tx, item.subject)
        if task is None:
            async with self._database.write() as tx:
                await work.finish(tx, item.id)
            return
        is_hopeless = item.attempts > retrying.MOST_ATTEMPTS + retrying.SPARE_ATTEMPTS
        # Outside of any transaction: a probe may take ten seconds.
        seen = _GIVEN_UP if is_hopeless else await self._seen(task)
        is_passing = retrying.is_passing(seen.problem) and not seen.is_final
        delay_seconds = retrying.delay_seconds(item.attempts) if is_passing else None
        async with self._database.write() as tx:
            if delay_seconds is not None:
                # RFC 8555, 8.2: the client sees how it stands.
                await authorizations.note_failure(tx, task.challenge.id, problems.stored(seen.problem, seen.detail))
                await work.postpone(tx, item.id, due_at=self._clock.now() + delay_seconds)
                return
            await self._settle(tx, task, seen)
            await work.finish(tx, item.id)

    async def _seen(self, task: _Task) -> Seen:
        question = self._question(task)
        seen = await self._probes.look(question)
        if seen.proved and self._permission is not None:
            permission = self._permission
            objection = await permission.objection(question.identifier, task.account.id, question.type)
            return objection or seen
        return seen

    def _question(self, task: _Task) -> Question:
        type_, token, identifier = task.challenge.type, task.challenge.token, task.authorization.identifier
        account_url = self._links.to(Resource.ACCOUNT, task.account.id)
        persistent = None
        if type_ == challenges.DNS_PERSIST_01:
            prefix, domain = self._links.account_hash_prefix, identifier.value.removeprefix("*.")
            thumbprints = (task.account.thumbprint, *task.past_keys)
            persistent = Expected(
                issuers=self._issuers,
                prefix=prefix,
                account_uris=persistence.account_uris(prefix, domain, thumbprints, account_url),
                wildcard=identifier.is_wildcard or task.authorization.spans,
                now=self._clock.now(),
            )
        expected = challenges.key_authorization(token, task.account.thumbprint)
        return Question(type_, identifier, token, expected, account_url, persistent)

    async def _settle(self, tx: Transaction, task: _Task, seen: Seen) -> None:
        """Move the challenge, then its authorization, then the orders that waited for it."""
        now = self._clock.now()
        identifier = task.authorization.identifier
        await tx.hold(holds.acme_name(task.account.id, identifier.kind, identifier.value))
        # Valid by another challenge is no reason: a server that looks a moment later sees what the first one saw.
        if task.authorization.status_at(now) not in {AuthorizationStatus.PENDING, AuthorizationStatus.VALID}:
            seen = _TOO_LATE
        event, error = (
            (Event.PROVED, None) if seen.proved else (Event.FAILED, problems.stored(seen.problem, seen.detail))
        )
        validated_at, expires_at = (now, now + AUTHORIZED_SECONDS) if seen.proved else (None, None)
        if expires_at is not None and seen.good_until is not None:
            expires_at = min(expires_at, seen.good_until)
        if not await authorizations.move_challenge(tx, task.challenge, event, error=error, validated_at=validated_at):
            return
        if task.authorization.status is not AuthorizationStatus.PENDING:
            return
        # Unless its holder has given it up while we looked, or another challenge has settled it.
        proved_by = task.challenge.type if seen.proved else ""
        if not await authorizations.move(tx, task.authorization, event, expires_at=expires_at, proved_by=proved_by):
            return
        # Of two that settle the last two authorizations of an order, the second sees what the first has brought.
        await tx.hold(*map(holds.acme_order, await orders.over(tx, task.authorization.id)))
        await self._outcomes.note(tx, task.account, task.challenge, identifier, seen=seen, actor=ACTOR, now=now)
        if error is None:
            if self._permission is not None:
                await self._permission.note(tx, task.authorization)
            await orders.make_ready(tx, task.authorization.id)
        else:
            await orders.fail(tx, task.authorization.id, error)
        await journal.record(tx, _event(task, seen), now=now, actor=ACTOR, registration_id=task.account.registration_id)


def _event(task: _Task, seen: Seen) -> NameProved | ChallengeFailed:
    name, challenge = str(task.authorization.identifier), task.challenge.type
    if seen.proved:
        return NameProved(name=name, challenge=challenge)
    return ChallengeFailed(name=name, challenge=challenge, problem=seen.problem)


async def _task(tx: Transaction, challenge_id: str) -> _Task | None:
    """What there is to look at; None when it was settled already, or given up."""
    challenge = await authorizations.challenge(tx, challenge_id)
    if challenge is None or challenge.status is not ChallengeStatus.PROCESSING:
        return None
    authorization = await authorizations.by_id(tx, challenge.authorization_id)
    if authorization is None or authorization.status not in _LOOKED_AT:
        return None
    account = await accounts.by_id(tx, authorization.account_id)
    if account is None or account.status is not AccountStatus.VALID:
        return None
    is_persistent = challenge.type == challenges.DNS_PERSIST_01
    past = await past_keys.of_account(tx, account.id) if is_persistent else ()
    return _Task(challenge, authorization, account, past)

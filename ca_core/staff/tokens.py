"""Giving bearer tokens out, and ending them."""

from __future__ import annotations

from ca_core.audit import journal
from ca_core.clock import Clock
from ca_core.errors import BadRequest, NotFound, RegistrationClosed, WrongState
from ca_core.registration.credential import SecretKeeper
from ca_core.secret import Secret
from ca_core.staff import token as token_module
from ca_core.staff.events import TokenAdded, TokenEnded
from ca_core.staff.role import MAY, Action, Role
from ca_core.staff.token import Token
from ca_core.store import officers, tokens
from ca_core.store.database import Database

_DAY_SECONDS = 86_400


class Tokens:
    """The tokens of integrators: hashed, with a scope and an end."""

    def __init__(self, database: Database, clock: Clock, keeper: SecretKeeper) -> None:
        self._database = database
        self._clock = clock
        self._keeper = keeper

    async def add(self, name: str, scope: frozenset[Action], *, days: int, actor: str) -> tuple[Token, Secret]:
        """Make a token for the integrator of a name; returns it and its text, which is shown once.

        Args:
            scope: what it is to be good for; empty: all that the role permits.

        Raises:
            NotFound: there is no such integrator.
            BadRequest: the scope holds what no integrator may do.
            RegistrationClosed: the integrator has left.
        """
        may = MAY[Role.INTEGRATOR]
        if scope - may:
            raise BadRequest(f"an integrator may not do {', '.join(sorted(scope - may))}")
        now, secret = self._clock.now(), token_module.new_secret()
        async with self._database.write() as tx:
            officer = await officers.named(tx, name)
            if officer is None or officer.role is not Role.INTEGRATOR:
                raise NotFound(f"there is no integrator {name[:64]}; see: soapstone officer list")
            if officer.ended_at is not None:
                raise RegistrationClosed
            token = Token(
                id=token_module.new_id(),
                registration_id=officer.registration_id,
                secret=self._keeper.hashed(officer.registration_id, secret),
                scope=scope or may,
                created_at=now,
                expires_at=now + days * _DAY_SECONDS,
            )
            await tokens.insert(tx, token)
            event = TokenAdded(token.id, tuple(sorted(token.scope)), token.expires_at)
            await journal.record(tx, event, now=now, actor=actor, registration_id=officer.registration_id)
        return token, token_module.written(token.id, secret)

    async def end(self, token_id: str, *, actor: str) -> None:
        """End a token before its time.

        Raises:
            NotFound, WrongState: there is no such token, or it was ended already.
        """
        now = self._clock.now()
        async with self._database.write() as tx:
            token = await tokens.by_id(tx, token_id)
            if token is None:
                raise NotFound(f"there is no token {token_id[:64]}; see: soapstone token list NAME")
            if not await tokens.end(tx, token_id, now=now):
                raise WrongState(f"the token {token_id} was ended already")
            event = TokenEnded(token_id)
            await journal.record(tx, event, now=now, actor=actor, registration_id=token.registration_id)

    async def of(self, registration_id: str) -> list[Token]:
        """All of an integrator, ended ones too, the oldest first."""
        async with self._database.read() as tx:
            return await tokens.of(tx, registration_id)

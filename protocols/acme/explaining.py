"""Looks up what an explanation needs; it changes nothing and counts nothing."""

from __future__ import annotations

from ca_core import names
from ca_core.clock import Clock
from ca_core.errors import NotFound
from ca_core.policy import decision
from ca_core.policy.renewal import longest_window_seconds
from ca_core.registration.account import Registration
from ca_core.registration.credential import Credential
from ca_core.store import certificates, credentials, quotas, registrations
from ca_core.store.database import Database, Transaction
from protocols.acme.explanation import Explaining, Explanation, Found, Terms, Wanted, best
from protocols.acme.objects import Account, Authorization
from protocols.acme.ordering import Needed
from protocols.acme.records import accounts, failures
from protocols.acme.resources import authorizing
from protocols.acme.standing import Standing

_FRESH = Standing(pending=0, paused=frozenset())


class Explainer:
    """Explains what would become of an order."""

    def __init__(self, database: Database, clock: Clock, terms: Terms) -> None:
        self._database = database
        self._clock = clock
        self._terms = terms

    async def explain(self, registered_as: str, wanted: Wanted, *, account_id: str | None = None) -> Explanation:
        """What would become of an order by a registration.

        Args:
            registered_as: its site account.
            account_id: of the ACME account that orders; None means its newest, or one that is yet to be made.

        Raises:
            NotFound: no such registration, or no such ACME account of it.
        """
        async with self._database.read() as tx:
            registration = await registrations.by_account(tx, registered_as)
            if registration is None:
                raise NotFound(f"there is no account {registered_as[:64]}")
            asker = await self._asker(tx, registration, account_id)
            explaining = Explaining(self._terms, registration, asker, wanted, now=self._clock.now())
            explaining.begin()
            return explaining.finish(await self._found(tx, registration, explaining))

    async def _asker(
        self, tx: Transaction, registration: Registration, account_id: str | None
    ) -> Account | Credential | None:
        if account_id is None:
            return await accounts.newest(tx, registration.id) or await self._first_key(tx, registration)
        account = await accounts.by_id(tx, account_id)
        if account is None or account.registration_id != registration.id:
            raise NotFound(f"{registration.account} has no ACME account {account_id[:64]}")
        return account

    async def _first_key(self, tx: Transaction, registration: Registration) -> Credential | None:
        """The EAB key that would bind a first account: one that can, where there are several."""
        if registration.account == self._terms.open_account:
            return None
        keys = [key for key in await credentials.eab_keys(tx, registration.id) if key.voided_at is None]
        return best(keys, now=self._clock.now())

    async def _found(self, tx: Transaction, registration: Registration, explaining: Explaining) -> Found | None:
        if explaining.subject is None:
            return None
        now = self._clock.now()
        profile, identifier = explaining.subject
        alone = names.canonical(frozenset({identifier}))
        since = now - decision.JUST_HELD_SECONDS
        window = longest_window_seconds(self._terms.profiles, self._terms.window_days)
        account, need = explaining.account, explaining.need
        held = await certificates.holdings(tx, registration.id, profile.name, alone, now=now)
        return Found(
            held=held,
            was_held=await certificates.was_held(tx, registration.id, profile.name, alone, since=since),
            authorization=await self._usable(tx, account, need) if need and account.id else None,
            standing=await failures.standing(tx, account.id, now=now) if account.id else _FRESH,
            live=await quotas.beside(tx, registration.id, profile.name, alone, window_seconds=window, now=now),
        )

    async def _usable(self, tx: Transaction, account: Account, need: Needed) -> Authorization | None:
        now = self._clock.now()
        spanning = await authorizing.spanning_of(tx, account, [need], now=now)
        return await authorizing.usable(tx, account, need, spanning, now=now)

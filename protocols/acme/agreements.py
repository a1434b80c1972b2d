"""Who has accepted the subscriber agreement of today, and how it is accepted (RFC 8555, 7.3.3; RULES, S15)."""

from __future__ import annotations

import msgspec

from ca_core.audit import journal
from ca_core.clock import Clock
from ca_core.errors import NotFound
from ca_core.registration.agreement import Acceptance, Agreement
from ca_core.store import registrations
from ca_core.store.database import Database, Transaction
from protocols.acme.agreement import require_accepted
from protocols.acme.events import AgreementAccepted
from protocols.acme.invitations import Invitations
from protocols.acme.links import Links
from protocols.acme.objects import Account
from protocols.acme.records import accounts


class Agreements:
    """Which agreement counts, and who accepts it.

    Args:
        current: None where there is no agreement; then everybody has accepted it.
    """

    def __init__(
        self, database: Database, clock: Clock, links: Links, current: Agreement | None, invitations: Invitations
    ) -> None:
        self._database = database
        self._clock = clock
        self._links = links
        self._invitations = invitations
        self.current = current

    def require_accepted(self, account: Account | None) -> None:
        """Let only an account pass that has accepted the agreement of today.

        Args:
            account: None for one that is to be made, and has not said that it accepts.

        Raises:
            AgreementRequired: it has accepted another version, or none. For an account that exists it carries the link
                by which its holder accepts.
        """
        if self.current is None or self.current.is_accepted(account.accepted if account else None):
            return
        accept_url = None
        if account is not None:
            token = self._invitations.issue(account.id, self.current.sha256, now=self._clock.now())
            accept_url = self._links.accepting(token)
        require_accepted(account, self.current, self._links, accept_url=accept_url)

    def text_url(self, version: str) -> str:
        """Where a version can be read."""
        return self._links.agreement(version)

    def acceptance(self) -> Acceptance | None:
        """What is kept with an account that accepts the agreement of today, now; None where there is none."""
        return Acceptance(self.current.version, self.current.sha256, self._clock.now()) if self.current else None

    async def accept(self, tx: Transaction, account: Account, actor: str) -> Account:
        """Note that an account accepts the agreement of today; whoever has done so before says nothing new."""
        acceptance = self.acceptance()
        if acceptance is None or not await accounts.accept(tx, account.id, acceptance):
            return account
        account = msgspec.structs.replace(account, accepted=acceptance)
        await self.record(tx, account, actor)
        return account

    async def record(self, tx: Transaction, account: Account, actor: str) -> None:
        """Journal what an account has accepted just now."""
        if account.accepted is not None:
            event = AgreementAccepted(
                account=account.id, version=account.accepted.version, sha256=account.accepted.sha256
            )
            now, registration_id = self._clock.now(), account.registration_id
            await journal.record(tx, event, now=now, actor=actor, registration_id=registration_id)

    async def invited(self, token: str) -> tuple[Account, Agreement]:
        """The account that a link was made for, and what it is to accept.

        Raises:
            NotFound: the link is not good.
            AccountNotValid, BindingRevoked, RegistrationSuspended, RegistrationExpired, RegistrationClosed: the account
                has no power, and so accepts nothing.
        """
        if self.current is None:
            raise NotFound("there is no agreement to accept; run your ACME client again")
        now = self._clock.now()
        account_id = self._invitations.read(token, self.current.sha256, now=now)
        async with self._database.read() as tx:
            account = await accounts.by_id(tx, account_id)
            if account is None:
                raise NotFound("the account of this link is not known here")
            registration = await registrations.by_id(tx, account.registration_id)
        account.require_power()
        registration.require_active(now)
        return account, self.current

    async def accept_by_link(self, token: str, *, source: str) -> tuple[Account, Agreement]:
        """Note that the holder of an account accepts by the link that the account was told.

        Args:
            source: textual IP address.

        Raises:
            Refusal: as `invited` says.
        """
        account, current = await self.invited(token)
        async with self._database.write() as tx:
            return await self.accept(tx, account, f"web:agreement-link:{source}"), current

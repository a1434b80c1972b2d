"""newAccount, accounts and their lists of orders (RFC 8555, 7.1.2, 7.3)."""

from __future__ import annotations

import msgspec

from ca_core.applicant import Door
from ca_core.audit import journal
from ca_core.audit.event import AccountBound
from ca_core.errors import NotFound
from ca_core.identity import new_id
from ca_core.store import holds, registrations
from ca_core.store.database import Transaction
from protocols.acme import account_keys, deactivation, links, messages, render
from protocols.acme.bonds import Bond, Bonds
from protocols.acme.errors import (
    AccountDoesNotExist,
    AccountNotValid,
)
from protocols.acme.events import ContactsChanged
from protocols.acme.jwk import AccountKey
from protocols.acme.objects import Account
from protocols.acme.records import accounts, orders
from protocols.acme.services import AcmeServices
from protocols.acme.sign_in import ByAccount, ByKey
from protocols.acme.states import AccountStatus
from protocols.wire import Reply

ORDERS_A_PAGE = 100
_ABOVE_EVERY_ID = "g"


class Accounts:
    """Accounts come, change and go."""

    def __init__(self, services: AcmeServices) -> None:
        self._services = services
        self._database = services.database
        self._clock = services.clock
        self._bonds = Bonds(services)
        self._agreements = services.agreements

    async def create(self, asked: ByKey, _: str) -> Reply:
        """Make an account for a key, or find the one that it has (RFC 8555, 7.3, 7.3.1, 7.3.4).

        An existing account is never bound anew, so a binding is not even looked at: cert-manager, mod_md and
        nginx send theirs each time.

        Raises:
            AccountDoesNotExist: there is none, and only an existing one was wanted.
            AgreementRequired: it does not say that it accepts the subscriber agreement.
            BadPublicKey: the key is too weak, compromised, or certified already.
            ExternalAccountRequired, BadExternalAccountBinding: it needs a binding, or another one.
            Throttled: too many of those from this address, or too many new accounts.
            CredentialRevoked, CredentialSpent, CredentialExpired, NetworkNotAllowed: the binding was right.
            AccountNotValid, BindingRevoked: there is one, without power.
            RegistrationSuspended, RegistrationExpired, RegistrationClosed: as they say.
        """
        message = messages.new_account(asked.payload)
        async with self._database.read() as tx:
            known = await accounts.by_thumbprint(tx, asked.key.thumbprint)
        if known is None and message.only_return_existing:
            raise AccountDoesNotExist
        if known is None:
            if not message.terms_of_service_agreed:
                self._agreements.require_accepted(None)
            account_keys.check(self._services.enrollment, asked.key)
            bond = await self._bonds.bond(message, asked)
            made = self._account(asked.key, bond, message.contact or ())
            async with self._services.sign_in.noting(
                source=asked.source, door=Door.ACME, registration_id=bond.registration_id
            ):
                known = await self._store(made, bond, asked)
            if known is None:
                return render.account(self._services.links, made, status=201)
        # To look for an account changes nothing about it (RFC 8555, 7.3.1).
        accepts = bool(message.terms_of_service_agreed) and not message.only_return_existing
        return await self._found(known, asked, accepts=accepts)

    async def read_or_update(self, asked: ByAccount, id_: str) -> Reply:
        """Show an account, change its contacts, or deactivate it (RFC 8555, 7.3.2 and 7.3.6).

        Raises:
            NotFound: it is another one than the one that asks.
            BadRequest, InvalidContact, UnsupportedContact: as they say.
            Throttled: its contacts were changed too often of late.
            AccountNotValid: it was deactivated meanwhile.
        """
        _require_own(asked, id_)
        if asked.is_post_as_get:
            return render.account(self._services.links, asked.account)
        update = messages.account_update(asked.payload)
        changed = asked.account
        async with self._database.write() as tx:
            if update.contact is not None and update.contact != changed.contacts:
                changed = await self._change_contacts(tx, asked, update.contact)
            # RFC 8555, 7.3.2: any other status is ignored, and so is termsOfServiceAgreed.
            if update.status == messages.DEACTIVATED:
                changed = await self._deactivate(tx, asked, changed)
        return render.account(self._services.links, changed)

    async def list_orders(self, asked: ByAccount, id_: str) -> Reply:
        """Show a page of an account's orders that are not invalid, newest first (RFC 8555, 7.1.2.1).

        Raises:
            NotFound: it is another account than the one that asks.
            BadRequest: there is a payload.
        """
        _require_own(asked, id_)
        asked.require_post_as_get()
        before = links.cursor(asked.query) or _ABOVE_EVERY_ID
        async with self._database.read() as tx:
            ids = await orders.listed(tx, id_, before=before, now=self._clock.now(), most=ORDERS_A_PAGE + 1)
        return render.orders(self._services.links, id_, ids[:ORDERS_A_PAGE], has_more=len(ids) > ORDERS_A_PAGE)

    def _account(self, key: AccountKey, bond: Bond, contacts: tuple[str, ...]) -> Account:
        now = self._clock.now()
        return Account(
            id=new_id(now),
            registration_id=bond.registration_id,
            credential_id=bond.credential_id,
            thumbprint=key.thumbprint,
            key_text=key.jwk,
            contacts=contacts,
            status=AccountStatus.VALID,
            eab=bond.eab,
            created_at=now,
            accepted=self._agreements.acceptance(),
            allowed_profiles=bond.credential.profiles if bond.credential else (),
            allowed_names=bond.credential.names if bond.credential else (),
        )

    async def _store(self, made: Account, bond: Bond, asked: ByKey) -> Account | None:
        """Store all that makes an account, or nothing; return the account that was there first, if any."""
        now = self._clock.now()
        async with self._database.write() as tx:
            await tx.hold(holds.registration(bond.registration_id), shared=True)
            await tx.hold(holds.acme_key(made.thumbprint))
            registration = await registrations.by_id(tx, bond.registration_id)
            registration.require_active(now)
            if not await accounts.insert(tx, made):
                return await accounts.by_thumbprint(tx, made.thumbprint)
            await self._bonds.spend(tx, bond, registration, source=asked.source)
            await account_keys.claim(tx, made.key, registration_id=made.registration_id)
            actor = asked.applicant(made.registration_id, bond.proof).actor
            await journal.record(
                tx,
                AccountBound(account=made.id, kid=bond.kid),
                now=now,
                actor=actor,
                registration_id=made.registration_id,
            )
            await self._agreements.record(tx, made, actor)
            # At the end, as everywhere: until the commit, whoever counts for the same payer waits.
            await self._services.limits.new_account(tx, made, source=asked.source, now=now)
        return None

    async def _found(self, known: Account, asked: ByKey, *, accepts: bool) -> Reply:
        known.require_power()
        async with self._database.read() as tx:
            registration = await registrations.by_id(tx, known.registration_id)
        registration.require_active(self._clock.now())
        if accepts:
            async with self._database.write() as tx:
                actor = asked.applicant(known.registration_id, "acme-account").actor
                known = await self._agreements.accept(tx, known, actor)
        return render.account(self._services.links, known)

    async def _change_contacts(self, tx: Transaction, asked: ByAccount, contacts: tuple[str, ...]) -> Account:
        if not await accounts.change_contacts(tx, asked.account.id, contacts):
            raise AccountNotValid
        await self._record(tx, ContactsChanged(account=asked.account.id), asked)
        await self._services.limits.change(tx, asked.account, source=asked.source, now=self._clock.now())
        return msgspec.structs.replace(asked.account, contacts=contacts)

    async def _deactivate(self, tx: Transaction, asked: ByAccount, account: Account) -> Account:
        """Deactivate, and end what waits for the account: nobody could go on with it (RFC 8555, 7.3.6)."""
        registration_id, actor = asked.registration.id, asked.applicant().actor
        if not await deactivation.deactivate(tx, account.id, registration_id, actor=actor, now=self._clock.now()):
            raise AccountNotValid
        return msgspec.structs.replace(account, status=AccountStatus.DEACTIVATED)

    async def _record(self, tx: Transaction, event: ContactsChanged, asked: ByAccount) -> None:
        await journal.record(
            tx,
            event,
            now=self._clock.now(),
            actor=asked.applicant().actor,
            registration_id=asked.registration.id,
        )


def _require_own(asked: ByAccount, account_id: str) -> None:
    if asked.account.id != account_id:
        raise NotFound("there is no such account, or it is not yours")

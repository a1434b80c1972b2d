"""What ties a new account to a registration: an external account binding, or the operator's word (RFC 8555, 7.3.4).

A binding is judged in this order. Up to 3 nothing is proved, and a wrong one is answered as an unknown one:

1  a flattened JWS, strictly read
2  the MAC, under some key where nobody has the kid
3  the URL and the account key that it vouches for
4  the EAB key is not revoked, has a use left and has not expired: spent in the transaction that stores the account
5  the network that the request came from
6  a profile that the registration still holds
"""

from __future__ import annotations

import msgspec

from ca_core.applicant import Door
from ca_core.errors import Misconfigured
from ca_core.registration.account import Registration
from ca_core.registration.credential import Credential
from ca_core.store import credentials, registrations
from ca_core.store.database import Transaction
from protocols.acme import eab, messages
from protocols.acme.errors import BadExternalAccountBinding, ExternalAccountRequired
from protocols.acme.services import AcmeServices
from protocols.acme.sign_in import ByKey


class Bond(msgspec.Struct, frozen=True):
    """What was proved.

    Attributes:
        credential: the EAB key; None for an open account.
        eab: the verified binding as JSON.
    """

    registration_id: str
    credential: Credential | None = None
    eab: str | None = None

    @property
    def credential_id(self) -> str | None:
        """Of the EAB key."""
        return self.credential.id if self.credential else None

    @property
    def kid(self) -> str | None:
        """Of the EAB key."""
        return self.credential.kid if self.credential else None

    @property
    def proof(self) -> str:
        """As the journal names it."""
        return "eab-key" if self.credential else "open-account"


class Bonds:
    """Finds what ties a new account to a registration, and spends it."""

    def __init__(self, services: AcmeServices) -> None:
        self._services = services

    async def bond(self, message: messages.NewAccount, asked: ByKey) -> Bond:
        """What ties this new account, proved and not spent yet.

        Raises:
            ExternalAccountRequired: there is no binding, and no open account.
            BadRequest, BadSignatureAlgorithm, BadExternalAccountBinding, Throttled: as they say.
        """
        if message.external_account_binding is not None:
            return await self._bound(message.external_account_binding, asked)
        account = self._services.options.open_account
        if account is None:
            raise ExternalAccountRequired
        async with self._services.database.read() as tx:
            registration = await registrations.by_account(tx, account)
        if registration is None:
            raise Misconfigured(f"acme.open_account names {account!r}, and nobody is registered so")
        return Bond(registration.id)

    async def spend(self, tx: Transaction, bond: Bond, registration: Registration, *, source: str) -> None:
        """Take one use, in the transaction that stores the account; what stands against it undoes that too.

        Raises:
            CredentialRevoked, CredentialSpent, CredentialExpired, NetworkNotAllowed, ProfileNotGranted: as they say.
            WrongSecret: a newer sheet has voided the key meanwhile.
        """
        if bond.credential is None:
            return
        await credentials.spend(tx, bond.credential.id, now=self._services.clock.now())
        bond.credential.require_network(source)
        bond.credential.require_profile_of(registration.profiles)

    async def _bound(self, value: object, asked: ByKey) -> Bond:
        binding = eab.read(value)
        # An unknown kid brings some other key: the same path, and the same answer as a wrong MAC.
        credential, mac_key = await self._services.sign_in.eab_key(binding.kid)
        try:
            eab.check(binding, mac_key, outer_url=asked.url, outer_key=asked.key)
            if credential is None:
                raise BadExternalAccountBinding
        except BadExternalAccountBinding:
            await self._services.sign_in.refuse(binding.kid, source=asked.source, door=Door.ACME)
            raise
        return Bond(credential.registration_id, credential, msgspec.json.encode(value).decode())

"""Who signed this request? The envelope's rules, in this order (RFC 8555, 6.2 to 6.5).

1  media type and size
2  a flattened JWS, strictly read; an `alg` that is accepted; `jwk` or `kid`, as the resource wants
3  the account behind a `kid` is valid, the EAB key that bound it not revoked, and its registration active
4  the signature
5  the nonce: after the signature, so that nobody burns another's
6  the signed `url` is the configured one of this path

Of an account that has signed here before, the key is remembered, so that rule 4 is tried first, and 3 and 5 are one
journey to the store; that the key is still the account's is seen by the same look.
"""

from __future__ import annotations

import msgspec

from ca_core.applicant import Applicant, Door
from ca_core.errors import BadRequest
from ca_core.names import Identifier
from ca_core.registration.account import Registration
from ca_core.store.database import Row
from protocols.acme import jws
from protocols.acme.errors import (
    AccountDoesNotExist,
    BadSignature,
    BadSignatureAlgorithm,
    UnsupportedMediaType,
    WrongUrl,
)
from protocols.acme.jwk import AccountKey
from protocols.acme.jws import Envelope
from protocols.acme.objects import Account
from protocols.acme.records import accounts
from protocols.acme.services import AcmeServices
from protocols.wire import Request

_MOST_REMEMBERED = 1024


class ByKey(msgspec.Struct, frozen=True):
    """A request proved by a key that came with it.

    Attributes:
        url: of the request.
        source: textual IP address.
    """

    key: AccountKey
    url: str
    payload: bytes
    source: str

    def applicant(self, registration_id: str, proof: str) -> Applicant:
        """As the journal names who asked."""
        return Applicant(registration_id, Door.ACME, proof, self.source)


class ByAccount(msgspec.Struct, frozen=True):
    """A request proved by an account that is valid and whose registration is active.

    Attributes:
        url: of the request, with its query.
        query: raw, and signed as a part of the URL.
        source: textual IP address.
    """

    account: Account
    registration: Registration
    url: str
    payload: bytes
    query: str
    source: str

    @property
    def is_post_as_get(self) -> bool:
        """Whether the request only reads (RFC 8555, 6.3)."""
        return not self.payload

    def require_post_as_get(self) -> None:
        """Let only a reading request pass.

        Raises:
            BadRequest: there is a payload.
        """
        if self.payload:
            raise BadRequest("this resource can only be read: POST an empty payload (RFC 8555, 6.3)")

    def applicant(self, proved: frozenset[Identifier] = frozenset()) -> Applicant:
        """As the core knows who asks; `proved` are the names whose control challenges have proved."""
        account = self.account
        return Applicant(
            account.registration_id,
            Door.ACME,
            "acme-account",
            self.source,
            proved=proved,
            origin=account.credential_id,
            limits=account.limits,
        )


class AcmeSignIn:
    """Proves requests."""

    def __init__(self, services: AcmeServices) -> None:
        self._services = services
        self._keys: dict[str, AccountKey] = {}

    def unpack(self, request: Request) -> Envelope:
        """Rules 1 and 2; nothing is proved by them.

        Raises:
            UnsupportedMediaType, TooLarge, BadRequest, BadSignatureAlgorithm, BadPublicKey: as they say.
        """
        # RFC 9110, 8.4: a coding that is not accepted is answered like a type that is not.
        is_coded = "content-encoding" in request.headers
        if is_coded or request.headers.get("content-type", "").strip().lower() != jws.MEDIA_TYPE:
            raise UnsupportedMediaType
        return jws.unpack(request.body)

    async def by_key(self, request: Request, envelope: Envelope, key: AccountKey) -> ByKey:
        """Prove a request by the key that is embedded in it.

        Raises:
            BadSignature, BadSignatureAlgorithm, BadNonce, WrongUrl: as they say.
        """
        await self._check(request, envelope, key)
        return ByKey(key, envelope.url, envelope.payload, request.peer.address)

    async def by_account(self, request: Request, envelope: Envelope, kid: str) -> ByAccount:
        """Prove a request by the account that its `kid` names.

        Raises:
            AccountDoesNotExist, AccountNotValid, BindingRevoked: as they say.
            RegistrationSuspended, RegistrationExpired, RegistrationClosed: its holder may not.
            BadSignature, BadSignatureAlgorithm, BadNonce, WrongUrl: as they say.
        """
        account_id = self._services.links.account_id(kid)
        if account_id is None:
            raise AccountDoesNotExist
        key = self._keys.get(account_id)
        if key is not None and _is_by(envelope, key):
            account, registration = await self._spent(envelope, account_id)
            if account.key.thumbprint != key.thumbprint:
                # It was changed through another server.
                self._keys.pop(account_id, None)
                raise BadSignature
        else:
            account, registration = await self._account(account_id)
            jws.verify(envelope, account.key)
            await self._services.nonces.spend(envelope.nonce)
            self._remember(account)
        self._require_url(request, envelope)
        return ByAccount(account, registration, envelope.url, envelope.payload, request.query, request.peer.address)

    async def _account(self, account_id: str) -> tuple[Account, Registration]:
        look = accounts.with_registration(account_id)
        async with self._services.database.read() as tx:
            row = await tx.one(look.sql, **look.values)
        # Behind the block: a connection that is left by an exception is looked after, and strangers could ask for that.
        return self._found(row)

    async def _spent(self, envelope: Envelope, account_id: str) -> tuple[Account, Registration]:
        look = accounts.with_registration(account_id)
        return self._found(await self._services.nonces.spend_beside(envelope.nonce, self._services.database, look))

    def _found(self, row: Row | None) -> tuple[Account, Registration]:
        found = accounts.found_with_registration(row)
        if found is None:
            raise AccountDoesNotExist
        account, registration = found
        account.require_power()
        registration.require_active(self._services.clock.now())
        return account, registration

    async def _check(self, request: Request, envelope: Envelope, key: AccountKey) -> None:
        jws.verify(envelope, key)
        await self._services.nonces.spend(envelope.nonce)
        self._require_url(request, envelope)

    def _remember(self, account: Account) -> None:
        self._keys[account.id] = account.key
        if len(self._keys) > _MOST_REMEMBERED:
            self._keys.pop(next(iter(self._keys)))

    def _require_url(self, request: Request, envelope: Envelope) -> None:
        if envelope.url != self._services.links.signed(request.path, request.query):
            raise WrongUrl


def _is_by(envelope: Envelope, key: AccountKey) -> bool:
    try:
        jws.verify(envelope, key)
    except (BadSignature, BadSignatureAlgorithm):
        return False
    return True

"""keyChange: an account gets another key (RFC 8555, 7.3.5).

The request is signed twice: outside with the account's key, inside with the new one. What is looked at, in this order:

1  the outer signature, nonce and url, as of every request
2  the inner JWS: strictly read, by `jwk`, an `alg` for that type of key
3  the inner signature
4  the inner `url` is the outer one
5  the payload names this account, and its present key
6  the new key is sound
7  no account has it; else 409 with that account's URL
8  the account was not changed too often of late
9  it is certified for nobody and is no other registration's
10 the account still has the old key and is valid: one statement decides, so of two changes at once one wins

An inner nonce is looked at by nobody: the outer one is what keeps a request from being replayed.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ca_core.audit import journal
from ca_core.errors import BadRequest, WrongState
from ca_core.store import holds
from protocols.acme import account_keys, jwk, jws, messages, render
from protocols.acme.errors import AccountKeyInUse, BadPublicKey
from protocols.acme.events import AccountKeyChanged
from protocols.acme.jwk import AccountKey
from protocols.acme.links import Resource
from protocols.acme.records import accounts, past_keys
from protocols.acme.services import AcmeServices
from protocols.acme.sign_in import ByAccount
from protocols.wire import Reply


class KeyChange:
    """Accounts change their keys; orders and authorizations stay theirs."""

    def __init__(self, services: AcmeServices) -> None:
        self._services = services
        self._database = services.database

    async def change(self, asked: ByAccount, _: str) -> Reply:
        """Put a new key in the place of the account's.

        A challenge that waits is judged by the key that the account has when it is looked at.

        Raises:
            BadRequest, BadSignature, BadSignatureAlgorithm: the inner JWS or its payload is not as it must be.
            BadPublicKey: the new key is weak, compromised, certified, or another registration's.
            AccountKeyInUse: an account has it already.
            Throttled: the account was changed too often of late.
            WrongState: the account's key was changed, or the account deactivated, meanwhile.
        """
        key = self._new_key(asked)
        account_keys.check(self._services.enrollment, key)
        changed = msgspec.structs.replace(asked.account, thumbprint=key.thumbprint, key_text=key.jwk)
        now = self._services.clock.now()
        async with self._database.write() as tx:
            await tx.hold(holds.acme_key(key.thumbprint))
            holder = await accounts.by_thumbprint(tx, key.thumbprint)
            if holder is not None:
                raise AccountKeyInUse(self._services.links.to(Resource.ACCOUNT, holder.id))
            await account_keys.claim(tx, key, registration_id=changed.registration_id)
            if not await accounts.change_key(tx, asked.account, key):
                raise WrongState("the account has another key by now, or is not valid any more; look at it again")
            await past_keys.remember(tx, changed.id, asked.account.thumbprint, now=now)
            event = AccountKeyChanged(
                account=changed.id, old_thumbprint=asked.account.thumbprint, new_thumbprint=key.thumbprint
            )
            actor = asked.applicant().actor
            await journal.record(tx, event, now=now, actor=actor, registration_id=changed.registration_id)
            await self._services.limits.change(tx, asked.account, source=asked.source, now=now)
        return render.account(self._services.links, changed)

    def _new_key(self, asked: ByAccount) -> AccountKey:
        """The key that signed inside, once it is proved to be meant for this account."""
        inner = jws.unpack(asked.payload)
        if inner.key is None:
            raise BadRequest("the inner JWS must be signed by the new key, with jwk in its header (RFC 8555, 7.3.5)")
        jws.verify(inner, inner.key)
        if inner.url != asked.url:
            raise BadRequest("the url in the inner header is not that of the request (RFC 8555, 7.3.5)")
        message = jws.members(inner.payload, messages.KeyChange)
        if message.account != self._services.links.to(Resource.ACCOUNT, asked.account.id):
            raise BadRequest("account in the inner payload is not the URL of the account that asks")
        if _thumbprint(message.old_key) != asked.account.thumbprint:
            raise BadRequest("oldKey in the inner payload is not the account's present key")
        return inner.key


def _thumbprint(value: Any) -> str | None:  # noqa: ANN401  # whatever JSON the client sent
    try:
        return jwk.read(value).thumbprint
    except BadPublicKey:
        return None

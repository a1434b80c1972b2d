"""Decryption keys: under which symmetric key what is made here travels to its registration (RFC 7030, 4.4.1.1)."""

from __future__ import annotations

import secrets

import msgspec

from ca_core.audit import journal
from ca_core.clock import Clock
from ca_core.errors import NotFound
from ca_core.made_keys.events import DecryptionKeyMade
from ca_core.registration.credential import SecretKeeper, new_kid
from ca_core.secret import Secret
from ca_core.store import holds, made_keys, registrations
from ca_core.store.database import Database

KEY_OCTETS = 32


class DecryptionKey(msgspec.Struct, frozen=True):
    """A registration's decryption key as it is handed over, once.

    Attributes:
        key_id: how requests call it.
        key: 64 hex digits.
    """

    key_id: str
    key: Secret


class DecryptionKeys:
    """Makes and finds them. The store has them sealed (DESIGN, invariant 11)."""

    def __init__(self, database: Database, clock: Clock, keeper: SecretKeeper) -> None:
        self._database = database
        self._clock = clock
        self._keeper = keeper

    async def make(self, account: str, *, actor: str) -> DecryptionKey:
        """Make one, in the place of the one that the registration had.

        Raises:
            NotFound: no such account.
        """
        now = self._clock.now()
        key_id, key = new_kid(), secrets.token_bytes(KEY_OCTETS)
        async with self._database.write() as tx:
            registration = await registrations.by_account(tx, account)
            if registration is None:
                raise NotFound(f"there is no account {account}; see: soapstone registrations")
            await tx.hold(holds.registration(registration.id))
            sealed = self._keeper.sealed(_bound_to(key_id), key)
            await made_keys.insert_decryption_key(tx, key_id, registration.id, sealed, now=now)
            event = DecryptionKeyMade(key_id)
            await journal.record(tx, event, now=now, actor=actor, registration_id=registration.id)
        return DecryptionKey(key_id, Secret(key.hex()))

    async def of(self, registration_id: str, key_id: str) -> bytes | None:
        """A registration's key by its name; None where it has none of this name."""
        async with self._database.read() as tx:
            sealed = await made_keys.decryption_key(tx, key_id, registration_id)
        return None if sealed is None else self._keeper.opened(_bound_to(key_id), sealed)


def _bound_to(key_id: str) -> str:
    # No EAB key's identifier has a colon, so that the one kind never opens as the other.
    return f"decryption-key:{key_id}"

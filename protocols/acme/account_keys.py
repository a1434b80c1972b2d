"""Which keys may sign for an account: a new account's, and the one that a key change brings."""

from __future__ import annotations

from ca_core.enrollment import Enrollment
from ca_core.errors import KeyCompromised, WeakKey
from ca_core.store import key_owners
from ca_core.store.database import Transaction
from protocols.acme import jwk
from protocols.acme.errors import BadPublicKey
from protocols.acme.jwk import AccountKey

PURPOSE = "acme-account"
"""What an account key is for: a key that signs requests is never certified (DESIGN, invariant 9)."""


def check(enrollment: Enrollment, key: AccountKey) -> None:
    """Let only a sound key pass that nobody else is known to hold.

    Raises:
        BadPublicKey: it is too weak, or compromised.
    """
    try:
        enrollment.check_key(key.public_key)
    except (WeakKey, KeyCompromised) as refusal:
        raise BadPublicKey(str(refusal)) from None


async def claim(tx: Transaction, key: AccountKey, *, registration_id: str) -> None:
    """Make a key this registration's for signing requests, for ever: also when its account has another one by then.

    Raises:
        BadPublicKey: it is certified, blocked, or another registration's.
    """
    if not await key_owners.claim(tx, jwk.spki_sha256(key), purpose=PURPOSE, registration_id=registration_id):
        raise BadPublicKey("this key serves a certificate or another registration already; make a new one")

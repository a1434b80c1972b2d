"""Passwords: looked at and hashed in threads, as many at a time as leave a core for everybody else.

Whatever there is of an account (a chosen password, an initial one, nothing), one slow hash is made and two comparisons:
time does not say which it was.
"""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from ca_core.registration import password_hash, password_policy
from ca_core.registration.account import Registration
from ca_core.registration.credential import CredentialKind, SecretKeeper
from ca_core.registration.errors import SignInsCrowded
from ca_core.registration.kind import PasswordPolicy
from ca_core.registration.password_hash import DIGEST_OCTETS, SALT_OCTETS, Cost, Record
from ca_core.registration.password_policy import NOTHING_BLOCKED, Blocklist
from ca_core.secret import Secret
from ca_core.threads import Crowded, Threads

WAITING = 50
"""How many passwords wait for a thread: a second's worth; who comes then is told to come again."""
_TIMEOUT_SECONDS = 10.0
_NICENESS = 15
"""Where everything else wants a core, a thirtieth of it is left for passwords: nobody waits for those who guess."""
_ESTIMATES_WAITING = 20
_NOBODY = ""
_CROWDED = Crowded(
    SignInsCrowded,
    full="too many people sign in at this moment; try again in a moment",
    slow="too many people sign in at this moment; try again in a moment",
)


class Stored(msgspec.Struct, frozen=True):
    """What there is of a registration's password.

    Attributes:
        secret: of an initial one its keyed hash, of a chosen one its slow hash.
    """

    registration_id: str
    kind: CredentialKind
    secret: bytes


class Looked(msgspec.Struct, frozen=True):
    """What became of looking at a typed password.

    Attributes:
        guess: tells this password from others that are typed for the same account, as slow to undo as the hash.
        is_outdated: whether it is right and was hashed at another cost than today's.
    """

    is_right: bool
    guess: bytes
    is_outdated: bool


class Passwords:
    """Hashes, compares and judges passwords.

    Args:
        cost: of new hashes; those that were made at another one are made anew when their password comes.
        at_once: how many are hashed at a time; below the number of cores, so that one is left for everything else.
        waiting: how many wait for that.
    """

    def __init__(
        self,
        keeper: SecretKeeper,
        *,
        blocked: Blocklist = NOTHING_BLOCKED,
        cost: Cost | None = None,
        at_once: int = 1,
        waiting: int = WAITING,
    ) -> None:
        self._keeper = keeper
        self._blocked = blocked
        self._cost = cost or Cost()
        self._hashing = Threads("passwords", most=at_once, waiting=waiting, crowded=_CROWDED, niceness=_NICENESS)
        # One: the estimator keeps what it is told of whom in one place for all.
        self._judging = Threads("estimates", most=1, waiting=_ESTIMATES_WAITING, crowded=_CROWDED)
        self._pepper = keeper.key_from(b"soapstone password pepper")
        self._salts = keeper.key_from(b"soapstone salt of no password")
        self._guesses = keeper.key_from(b"soapstone password guess")

    async def look(self, account: str, typed: Secret, stored: Stored | None) -> Looked:
        """Compare what was typed for an account with what there is.

        Args:
            stored: None where there is nothing.

        Raises:
            SignInsCrowded: no thread has time for it.
        """
        password = password_policy.normal_secret(typed)
        owner = stored.registration_id if stored else _NOBODY
        # The same for everything that is typed for this account: guesses are told apart by what they come to.
        salt = hmac.digest(self._salts, account.encode(), hashlib.sha256)[:SALT_OCTETS]
        nothing = Record(self._cost, salt, bytes(DIGEST_OCTETS))
        is_chosen = stored is not None and stored.kind is CredentialKind.CHOSEN_PASSWORD
        record = password_hash.read(stored.secret) if stored and is_chosen else nothing
        stretched = await self._stretched(owner, password, record.cost, record.salt)
        is_chosen_one = hmac.compare_digest(stretched, record.digest)
        keyed = stored.secret if stored and not is_chosen else bytes(DIGEST_OCTETS)
        is_initial_one = self._keeper.matches(owner, password, keyed)
        return Looked(
            is_right=is_chosen_one if is_chosen else is_initial_one and stored is not None,
            guess=hmac.digest(self._guesses, stretched, hashlib.sha256),
            is_outdated=is_chosen and is_chosen_one and record.cost != self._cost,
        )

    async def hashed(self, registration_id: str, chosen: Secret) -> bytes:
        """The hash of a password as it is stored, bound to its registration.

        Raises:
            SignInsCrowded: no thread has time for it.
        """
        salt, password = password_hash.new_salt(), password_policy.normal_secret(chosen)
        digest = await self._stretched(registration_id, password, self._cost, salt)
        return Record(self._cost, salt, digest).written

    async def require_good(self, policy: PasswordPolicy, chosen: Secret, registration: Registration) -> None:
        """Let only a password pass that the policy of the registration's kind allows.

        Raises:
            BadPassword: says what is wrong with it.
            SignInsCrowded: no thread has time for it.
        """
        password_policy.require_length(policy, chosen)
        if policy is PasswordPolicy.MANUAL:
            return
        own = password_policy.own_words(registration)
        await self._judging.run(
            lambda: password_policy.require_unguessable(chosen, own, self._blocked), timeout_seconds=_TIMEOUT_SECONDS
        )

    async def _stretched(self, owner: str, password: Secret, cost: Cost, salt: bytes) -> bytes:
        message = f"{owner}\n{password.reveal()}".encode()
        peppered = hmac.digest(self._pepper, message, hashlib.sha256)
        return await self._hashing.run(
            lambda: password_hash.stretched(peppered, cost, salt), timeout_seconds=_TIMEOUT_SECONDS
        )

"""Is it the password of this account? Three different wrong ones in a row suspend it (RULES, S5).

What is answered does not tell an account that there is from one that there is not, nor a suspended password from a
wrong one, and neither does the time: all of them make one look at the store, one slow hash, and the same statements.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from ca_core.applicant import Door
from ca_core.audit import journal
from ca_core.audit.event import CredentialRefused, Event
from ca_core.clock import Clock
from ca_core.errors import Throttled, WrongSecret
from ca_core.metering import Meters, own_meter
from ca_core.policy.buckets import Rate, source_key
from ca_core.registration.credential import SecretKeeper
from ca_core.registration.events import PasswordSuspended
from ca_core.registration.password import Looked, Passwords, Stored
from ca_core.secret import Secret
from ca_core.store import holds
from ca_core.store import passwords as store
from ca_core.store.database import Database, Transaction
from ca_core.store.passwords import Standing

MOST_GUESSES = 3
_OF_A_SOURCE = Rate(burst=30, seconds_each=2)
_OF_AN_ACCOUNT = Rate(burst=10, seconds_each=60)
_AT_ONCE = 4
"""Of one source, and for one account: more at a time are nobody's who has forgotten a password."""
_SHOWN = 64
_IDLE_GUESS_SECONDS = 86_400


class Proved(msgspec.Struct, frozen=True):
    """A right password, on which somebody may act now.

    Attributes:
        subject: under which wrong ones are counted.
        rehashed: the password's hash at today's cost; None where it is at that already.
    """

    standing: Standing
    subject: bytes
    rehashed: bytes | None


class PasswordProof:
    """Proves passwords, counts wrong ones and suspends what is guessed at.

    Args:
        meters: makes what counts wrong passwords, of a source and for an account.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        keeper: SecretKeeper,
        passwords: Passwords,
        *,
        meters: Meters = own_meter,
    ) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._subjects = keeper.key_from(b"soapstone subject of guesses")
        self._sources = meters("wrong-passwords", _OF_A_SOURCE)
        self._accounts = meters("wrong-passwords-of-account", _OF_AN_ACCOUNT)
        self._inside: Counter[str] = Counter()

    async def prove(self, account: str, typed: Secret, *, source: str) -> Proved:
        """Let only a right password pass that is not suspended; whoever acts on it calls `settle` when they do.

        Args:
            source: textual IP address.

        Raises:
            WrongSecret: no such account, no password, a wrong or a suspended one: not told apart.
            Throttled: too many wrong ones of late, from there or for this account; nothing was looked at.
            SignInsCrowded: too many passwords are looked at.
        """
        account = _written(account)
        payers = source_key(source), f"account {self._subject(account).hex()}"
        self._require_room(*payers)
        with self._one_more(*payers):
            async with self._database.read() as tx:
                standing = await store.standing(tx, account)
            stored = Stored(standing.registration.id, standing.kind, standing.secret) if standing else None
            looked = await self._passwords.look(account, typed, stored)
            subject = self._subject(account, standing.credential_id if standing else "")
            if standing is None or standing.suspended_at is not None or not looked.is_right:
                await self._refuse(account, standing, subject, looked, payers, source=source)
                raise WrongSecret
            rehashed = await self._passwords.hashed(standing.registration.id, typed) if looked.is_outdated else None
        return Proved(standing, subject, rehashed)

    async def settle(self, tx: Transaction, proved: Proved) -> None:
        """Begin to count wrong passwords anew, in the transaction of what the right one is good for.

        The caller holds the registration.

        Raises:
            WrongSecret: it was suspended, changed or voided since it was proved.
        """
        await tx.hold(holds.password(proved.subject))
        if not await store.is_usable(tx, proved.standing.credential_id):
            raise WrongSecret
        await store.forget_guesses(tx, proved.subject)
        if proved.rehashed is not None:
            was = proved.standing.secret
            await store.rehash(tx, proved.standing.credential_id, was=was, to=proved.rehashed)

    async def forget(self) -> None:
        """Remove guesses that count for nothing any more."""
        before = self._clock.now() - _IDLE_GUESS_SECONDS
        async with self._database.write() as tx:
            await store.forget_idle_guesses(tx, before=before)

    async def _refuse(
        self,
        account: str,
        standing: Standing | None,
        subject: bytes,
        looked: Looked,
        payers: tuple[str, str],
        *,
        source: str,
    ) -> None:
        now, actor = self._clock.now(), f"{Door.PORTAL}:unproven:{source}"
        registration_id, credential_id = (standing.registration.id, standing.credential_id) if standing else (None, "")
        async with self._database.write() as tx:
            # Of any number that guess at once, on whichever server, the third different one suspends.
            await tx.hold(holds.password(subject))
            guesses = await store.count_guess(tx, subject, looked.guess, credential_id=credential_id, now=now)
            # Asked in any case: a statement more would tell that there is a password to suspend.
            if await store.suspend(tx, credential_id if guesses >= MOST_GUESSES else "", now=now):
                event: Event = PasswordSuspended(guesses)
                await journal.record(tx, event, now=now, actor=actor, registration_id=registration_id)
            waits = [
                await self._sources.take(tx, payers[0], now=now),
                await self._accounts.take(tx, payers[1], now=now),
            ]
            if not any(waits):
                # A flood would fill the journal.
                event = CredentialRefused(account=account[:_SHOWN], door=Door.PORTAL)
                await journal.record(tx, event, now=now, actor=actor)
        _require_none(max(waits))

    def _require_room(self, source: str, account: str) -> None:
        """Before anything is looked at or hashed, so that a flood costs nothing."""
        now = self._clock.now()
        _require_none(self._sources.known_wait_seconds(source, now=now))
        _require_none(self._accounts.known_wait_seconds(account, now=now))

    @contextmanager
    def _one_more(self, *payers: str) -> Iterator[None]:
        """Let nobody have more than their share of the threads: wrong ones are counted only when they are known."""
        if any(self._inside[payer] >= _AT_ONCE for payer in payers):
            _require_none(1)
        self._inside.update(payers)
        try:
            yield
        finally:
            self._inside.subtract(payers)
            for payer in payers:
                if not self._inside[payer]:
                    del self._inside[payer]

    def _subject(self, account: str, credential_id: str = "") -> bytes:
        return hmac.digest(self._subjects, f"{account}\n{credential_id}".encode(), hashlib.sha256)


def _written(account: str) -> str:
    """An account as it can be stored; what cannot be one stays none."""
    return "".join(one if one.isprintable() else "?" for one in account[: _SHOWN + 1])


def _require_none(wait_seconds: int) -> None:
    if wait_seconds:
        raise Throttled("too many wrong passwords; wait and try again", retry_after_seconds=wait_seconds)

"""Signing in to the portal with a passkey alone: it is two factors by itself, and passes no gate (RULES, S4).

The browser is given a challenge before anybody says who they are, and finds the passkey by itself: so nobody learns by
asking which accounts have one. A challenge carries its own proof that we made it, and is taken once.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from urllib.parse import urlsplit

from webauthn import generate_authentication_options, options_to_json
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.structs import AuthenticationCredential, UserVerificationRequirement

from ca_core.applicant import Door
from ca_core.audit import journal
from ca_core.audit.event import Event
from ca_core.clock import Clock
from ca_core.errors import NotFound
from ca_core.registration.credential import SecretKeeper
from ca_core.registration.errors import PasskeyRefused
from ca_core.registration.events import PasskeyRejected, SignedIn
from ca_core.registration.kind import Kinds
from ca_core.registration.passkey import Passkey
from ca_core.registration.portal_sign_in import Begun
from ca_core.registration.session import Step
from ca_core.registration.sessions import Sessions
from ca_core.store import holds, passkeys, registrations, spent_marks
from ca_core.store.database import Database, Transaction
from server.web.forms import as_browsers_write
from server.web.passkey_answers import COPIED, WRONG, CopiedPasskey, proved, read_answer

_SECONDS = 300
_RANDOM_OCTETS, _TIME_OCTETS = 16, 8
_MILLISECONDS = 1000


class PasskeySignIn:
    """Passkeys to sessions.

    Args:
        origin: where the pages are, as `https://ca.example:8443`.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        keeper: SecretKeeper,
        sessions: Sessions,
        *,
        kinds: Kinds,
        origin: str,
    ) -> None:
        self._database = database
        self._clock = clock
        self._sessions = sessions
        self._kinds = kinds
        self._origin = as_browsers_write(origin)
        self._challenges = keeper.key_from(b"soapstone passkey challenge")

    def begin(self) -> str:
        """What a passkey is to sign, in JSON, as `navigator.credentials.get()` takes it."""
        ends_at = self._clock.now() + _SECONDS
        made = secrets.token_bytes(_RANDOM_OCTETS) + ends_at.to_bytes(_TIME_OCTETS)
        options = generate_authentication_options(
            rp_id=urlsplit(self._origin).hostname or "",
            challenge=made + self._mac(made),
            timeout=_SECONDS * _MILLISECONDS,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return options_to_json(options)

    async def sign_in(self, answer: bytes, *, source: str) -> Begun:
        """Begin a session for whoever shows a passkey.

        Args:
            answer: the credential in JSON.
            source: textual IP address.

        Raises:
            BadRequest, TooLarge: the answer cannot be read.
            PasskeyRefused: it proves nothing.
            RegistrationSuspended, RegistrationExpired, RegistrationClosed: its holder may not.
        """
        credential = read_answer(answer)
        challenge, ends_at = self._challenge(credential)
        async with self._database.write() as tx:
            if not await spent_marks.spend(tx, hashlib.sha256(challenge).digest(), ends_at=ends_at):
                raise PasskeyRefused(WRONG)
            passkey = await passkeys.by_id(tx, credential.raw_id)
        if passkey is None:
            raise PasskeyRefused(WRONG)
        sign_count, now = await self._proved(passkey, credential, challenge, source), self._clock.now()
        async with self._database.write() as tx:
            await tx.hold(holds.registration(passkey.registration_id), shared=True)
            registration = await registrations.by_id(tx, passkey.registration_id)
            self._require_subscriber(registration.kind)
            registration.require_active(now)
            if not await passkeys.use(tx, passkey, sign_count=sign_count, now=now):
                raise PasskeyRefused(WRONG)
            token = await self._sessions.begin(tx, registration.id, Step.SIGNED_IN, door=Door.PORTAL)
            await self._record(tx, SignedIn(Step.SIGNED_IN.value), passkey, source)
        return Begun(token, Step.SIGNED_IN)

    async def forget(self) -> None:
        """Remove the marks of answers that are too old to be taken, those of the gate's among them."""
        async with self._database.write() as tx:
            await spent_marks.forget(tx, before=self._clock.now())

    def _challenge(self, credential: AuthenticationCredential) -> tuple[bytes, int]:
        """The challenge that was signed, and until when it is good."""
        try:
            said = json.loads(credential.response.client_data_json)
            challenge = base64url_to_bytes(said["challenge"])
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise PasskeyRefused(WRONG) from None
        made = challenge[: _RANDOM_OCTETS + _TIME_OCTETS]
        ends_at = int.from_bytes(made[_RANDOM_OCTETS:])
        if not hmac.compare_digest(self._mac(made), challenge[len(made) :]) or self._clock.now() > ends_at:
            raise PasskeyRefused("nothing was asked of this passkey, or too long ago; try again")
        return challenge, ends_at

    async def _proved(
        self, passkey: Passkey, credential: AuthenticationCredential, challenge: bytes, source: str
    ) -> int:
        try:
            return proved(passkey, credential, challenge, origin=self._origin)
        except CopiedPasskey:
            await self._reject(passkey, "counter", source)
            raise PasskeyRefused(COPIED) from None
        except PasskeyRefused:
            await self._reject(passkey, "wrong", source)
            raise

    def _require_subscriber(self, kind: str) -> None:
        """An officer's passkey may be good for the same host, and opens the desk only."""
        try:
            self._kinds.offered(kind)
        except NotFound:
            raise PasskeyRefused(WRONG) from None

    def _mac(self, made: bytes) -> bytes:
        return hmac.digest(self._challenges, made, hashlib.sha256)

    async def _reject(self, passkey: Passkey, why: str, source: str) -> None:
        async with self._database.write() as tx:
            await self._record(tx, PasskeyRejected(passkey.name, why), passkey, source)

    async def _record(self, tx: Transaction, event: Event, passkey: Passkey, source: str) -> None:
        await journal.record(
            tx,
            event,
            now=self._clock.now(),
            actor=f"{Door.PORTAL}:passkey:{source}",
            registration_id=passkey.registration_id,
        )

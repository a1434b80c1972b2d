"""Passkeys: registering them and signing in with them (Web Authentication, level 2, 7.1 and 7.2).

Both ceremonies take two requests: the first one gives the browser options with a challenge, which is kept with the
session and good for one answer; the second one brings what the passkey has signed.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_registration_response,
)
from webauthn.helpers import (
    generate_challenge,
    parse_attestation_object,
    parse_registration_credential_json,
)
from webauthn.helpers.structs import (
    AttestationFormat,
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from ca_core.audit import journal
from ca_core.audit.event import Event
from ca_core.clock import Clock
from ca_core.errors import BadRequest, NotFound, WrongState
from ca_core.registration import spelling
from ca_core.registration.credential import SecretKeeper
from ca_core.registration.errors import PasskeyRefused, SessionEnded
from ca_core.registration.events import PasskeyAdded, PasskeyRejected, PasskeyRemoved, SignedIn
from ca_core.registration.passkey import LONGEST_ID, LONGEST_LABEL, MOST, Passkey
from ca_core.registration.session import Challenge, Session, Step
from ca_core.registration.sessions import Sessions
from ca_core.secret import Secret
from ca_core.store import holds, passkeys, registrations, sessions
from ca_core.store.database import Claim, Database, Transaction
from server.web.forms import as_browsers_write
from server.web.passkey_answers import COPIED, UNREADABLE, WRONG, CopiedPasskey, proved, read, read_answer

_NAME = "Soapstone"
_CEREMONY_SECONDS = 300
_MILLISECONDS = 1000
_REGISTER, _SHOW = "register", "show"
_KNOWN_FORMATS = frozenset({AttestationFormat.NONE, AttestationFormat.PACKED})


class Passkeys:
    """The passkeys of whoever is signed in, or half way in.

    Args:
        origin: where the pages are, as `https://ca.example:8443`; a passkey is good for its host alone.
        fewest: how many whoever has some must keep.
        opens_alone: whether one is shown without saying first whose it is: then it is found by the browser itself.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        keeper: SecretKeeper,
        sessions_: Sessions,
        *,
        origin: str,
        fewest: int = 0,
        opens_alone: bool = False,
    ) -> None:
        self._database = database
        self._clock = clock
        self._sessions = sessions_
        self._origin = as_browsers_write(origin)
        self._host = urlsplit(origin).hostname or ""
        self._fewest = fewest
        self._residence = ResidentKeyRequirement.REQUIRED if opens_alone else ResidentKeyRequirement.PREFERRED
        self._users = keeper.key_from(b"soapstone passkey user")

    async def of(self, registration_id: str) -> list[Passkey]:
        """All of a registration, the oldest first."""
        async with self._database.read() as tx:
            return await passkeys.of(tx, registration_id)

    async def begin_registering(self, session: Session) -> str:
        """The options of a new passkey, in JSON, as `navigator.credentials.create()` takes them.

        Raises:
            PasswordToBeChanged, SecondFactorNeeded: whoever is signed in is not all the way in.
            WrongState: there are too many already.
        """
        session.require_signed_in()
        return await self.begin_entering(session)

    async def begin_entering(self, session: Session) -> str:
        """The options of a new passkey for whoever is half way in, and may all the same: see `enter`.

        Raises:
            PasswordToBeChanged: that comes first.
            WrongState: there are too many already.
        """
        session.require_own_password()
        held = await self.of(session.registration.id)
        _require_room(held)
        options = generate_registration_options(
            rp_id=self._host,
            rp_name=_NAME,
            user_name=session.registration.account,
            user_id=hmac.digest(self._users, session.registration.id.encode(), hashlib.sha256),
            challenge=await self._challenge(session, _REGISTER),
            timeout=_CEREMONY_SECONDS * _MILLISECONDS,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=self._residence, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=one.credential_id) for one in held],
        )
        return options_to_json(options)

    async def register(self, session: Session, label: str, answer: bytes, *, source: str) -> Passkey:
        """Store the passkey that a browser has made; all other sessions of its holder end.

        Args:
            label: what its holder calls it.
            answer: the credential in JSON.
            source: textual IP address.

        Raises:
            PasswordToBeChanged, SecondFactorNeeded: as for `begin_registering`.
            BadRequest, TooLarge: the label or the answer.
            PasskeyRefused: it is no answer to the challenge of this session.
            WrongState: the passkey is registered already, or there are too many.
            SessionEnded: meanwhile, as by a new sheet.
        """
        session.require_signed_in()
        made = await self._registered(session, label, answer)
        async with self._database.write() as tx:
            await tx.hold(holds.registration(session.registration.id))
            if await sessions.by_key(tx, session.key) is None:
                raise SessionEnded
            await self._insert(tx, made, session, source)
            # Those may have been begun by whoever had no passkey, and needed none.
            await sessions.end_all_but(tx, session.registration.id, session.key)
        return made

    async def enter(self, session: Session, label: str, answer: bytes, *, claim: Claim, source: str) -> Secret:
        """Store the passkey of whoever is half way in, and let them be all the way in.

        Args:
            label, answer, source: as for `register`.
            claim: takes what stands in the place of another passkey.

        Returns:
            The token of the session in the old one's place.

        Raises:
            PasswordToBeChanged: that comes first.
            BadRequest, TooLarge, PasskeyRefused, WrongState: as for `register`; and what `claim` raises.
            SessionEnded, RegistrationSuspended, RegistrationExpired, RegistrationClosed: meanwhile.
        """
        session.require_own_password()
        made = await self._registered(session, label, answer)
        async with self._database.write() as tx:
            await tx.hold(holds.registration(session.registration.id))
            (await registrations.by_id(tx, session.registration.id)).require_active(self._clock.now())
            await claim(tx)
            await sessions.end_all_but(tx, session.registration.id, session.key)
            await self._insert(tx, made, session, source)
            token = await self._sessions.rotate(tx, session, Step.SIGNED_IN, credential_id=session.credential_id)
            await self._record(tx, SignedIn(Step.SIGNED_IN.value), session, source)
        return token

    async def begin_showing(self, session: Session) -> str:
        """What a passkey is to sign, in JSON, as `navigator.credentials.get()` takes it.

        Raises:
            PasswordToBeChanged: that comes first.
            NotFound: there is no passkey to show.
        """
        session.require_own_password()
        held = await self.of(session.registration.id)
        if not held:
            raise NotFound("no passkey is registered for this account")
        options = generate_authentication_options(
            rp_id=self._host,
            challenge=await self._challenge(session, _SHOW),
            timeout=_CEREMONY_SECONDS * _MILLISECONDS,
            allow_credentials=[PublicKeyCredentialDescriptor(id=one.credential_id) for one in held],
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return options_to_json(options)

    async def show(self, session: Session, answer: bytes, *, source: str) -> Secret:
        """Let whoever is half way in be all the way in; returns the token of the session in the old one's place.

        Args:
            answer: the credential in JSON.
            source: textual IP address.

        Raises:
            PasswordToBeChanged: that comes first.
            BadRequest, TooLarge: it cannot be read.
            PasskeyRefused: it is no answer to the challenge of this session by a passkey of its holder.
            SessionEnded, RegistrationSuspended, RegistrationExpired, RegistrationClosed: meanwhile.
        """
        session.require_own_password()
        credential = read_answer(answer)
        challenge = await self._spent(session, _SHOW)
        async with self._database.read() as tx:
            passkey = await passkeys.by_id(tx, credential.raw_id)
        if passkey is None or passkey.registration_id != session.registration.id:
            raise PasskeyRefused(WRONG)
        sign_count = await self._proved(session, passkey, credential, challenge, source)
        now = self._clock.now()
        async with self._database.write() as tx:
            await tx.hold(holds.registration(session.registration.id), shared=True)
            (await registrations.by_id(tx, session.registration.id)).require_active(now)
            if not await passkeys.use(tx, passkey, sign_count=sign_count, now=now):
                raise PasskeyRefused(WRONG)
            token = await self._sessions.rotate(tx, session, Step.SIGNED_IN, credential_id=session.credential_id)
            await self._record(tx, SignedIn(Step.SIGNED_IN.value), session, source)
        return token

    async def remove(self, session: Session, credential_id: bytes, *, source: str) -> None:
        """Remove one of the session's holder, whose other sessions are over.

        Raises:
            PasswordToBeChanged, SecondFactorNeeded: as for `begin_registering`.
            NotFound: there is none such, or it is somebody else's.
            WrongState: it is the last one, and there must be one.
        """
        session.require_signed_in()
        async with self._database.write() as tx:
            # Alone: of two that are removed at once, the second one may be the last.
            await tx.hold(holds.registration(session.registration.id))
            passkey = await passkeys.by_id(tx, credential_id)
            if (
                passkey is None
                or passkey.registration_id != session.registration.id
                or not await passkeys.remove(tx, passkey)
            ):
                raise NotFound("there is no such passkey")
            if len(await passkeys.of(tx, session.registration.id)) < self._fewest:
                raise WrongState("this is your last passkey, and one is needed here; register another one first")
            await sessions.end_all_but(tx, session.registration.id, session.key)
            await self._record(tx, PasskeyRemoved(passkey.name, passkey.label), session, source)

    async def _registered(self, session: Session, label: str, answer: bytes) -> Passkey:
        """The passkey that a browser has made, which is yet to be stored."""
        label = _checked_label(label)
        credential = read(answer, parse_registration_credential_json)
        return self._made(session, label, credential, await self._spent(session, _REGISTER))

    async def _insert(self, tx: Transaction, made: Passkey, session: Session, source: str) -> None:
        """Whoever calls holds the registration alone: of two that are added at once, the second may be too many."""
        _require_room(await passkeys.of(tx, made.registration_id))
        if not await passkeys.insert(tx, made):
            raise WrongState("this passkey is registered already")
        await self._record(tx, PasskeyAdded(made.name, made.label), session, source)

    async def _challenge(self, session: Session, ceremony: str) -> bytes:
        value = generate_challenge()
        await self._sessions.challenge(session, Challenge(ceremony, value, self._clock.now() + _CEREMONY_SECONDS))
        return value

    async def _spent(self, session: Session, ceremony: str) -> bytes:
        """The challenge of a ceremony, which is good for this one answer."""
        challenge = session.challenge
        if challenge is None or challenge.ceremony != ceremony or self._clock.now() > challenge.ends_at:
            raise PasskeyRefused("nothing was asked of a passkey, or too long ago; try again")
        async with self._database.write() as tx:
            if not await sessions.spend_challenge(tx, session.key, challenge):
                raise PasskeyRefused(WRONG)
        return challenge.value

    def _made(self, session: Session, label: str, credential: RegistrationCredential, challenge: bytes) -> Passkey:
        try:
            # Others bring chains of certificates along, and we asked for none.
            if parse_attestation_object(credential.response.attestation_object).fmt not in _KNOWN_FORMATS:
                raise PasskeyRefused("the passkey attests itself in a way that was not asked for; take another one")
            verified = verify_registration_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except UNREADABLE:
            raise PasskeyRefused(WRONG) from None
        if not 1 <= len(verified.credential_id) <= LONGEST_ID:
            raise PasskeyRefused(WRONG)
        return Passkey(
            credential_id=verified.credential_id,
            registration_id=session.registration.id,
            label=label,
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            is_synced=verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
            created_at=self._clock.now(),
        )

    async def _proved(
        self, session: Session, passkey: Passkey, credential: AuthenticationCredential, challenge: bytes, source: str
    ) -> int:
        """How often the passkey says that it has signed."""
        try:
            return proved(passkey, credential, challenge, origin=self._origin)
        except CopiedPasskey:
            await self._reject(session, passkey, "counter", source)
            raise PasskeyRefused(COPIED) from None
        except PasskeyRefused:
            await self._reject(session, passkey, "wrong", source)
            raise

    async def _reject(self, session: Session, passkey: Passkey, why: str, source: str) -> None:
        async with self._database.write() as tx:
            await self._record(tx, PasskeyRejected(passkey.name, why), session, source)

    async def _record(self, tx: Transaction, event: Event, session: Session, source: str) -> None:
        await journal.record(
            tx,
            event,
            now=self._clock.now(),
            actor=f"{session.door}:passkey:{source}",
            registration_id=session.registration.id,
        )


def _require_room(held: list[Passkey]) -> None:
    if len(held) >= MOST:
        raise WrongState(f"there are {MOST} passkeys already; remove one first")


def _checked_label(label: str) -> str:
    text = label.strip()
    if not 1 <= len(text) <= LONGEST_LABEL or spelling.fault_of(text) is not None:
        raise BadRequest(f"a passkey's name has 1 to {LONGEST_LABEL} characters, none of them invisible")
    return text

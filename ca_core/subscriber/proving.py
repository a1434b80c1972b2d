"""A subscriber revokes certificates of their own; who proves to have the key is believed that it is compromised.

What becomes of a request is the revocation desk's to say (RULES, S11). What is added here is the proof: a challenge
that the server makes, of this session and this certificate, that ends soon and is good for one revocation.
"""

from __future__ import annotations

import secrets

from ca_core.clock import Clock
from ca_core.registration.errors import PageOutdated
from ca_core.registration.session import Challenge, Session
from ca_core.registration.sessions import Sessions
from ca_core.revocation.desk import RevocationDesk, Revoked, UnderReview
from ca_core.revocation.reason import Reason
from ca_core.revocation.rules import Asker
from ca_core.store import own_certificates, sessions
from ca_core.store.certificates import Certificate
from ca_core.store.database import Database
from ca_core.subscriber.proof import RevocationChallenge

CHALLENGE_SECONDS = 600
_LEAST_LEFT_SECONDS = 300
"""A page that is loaded again shows the same challenge while so much of its time is left."""
_NONCE_OCTETS = 32


class Proving:
    """Asks for revocations in a subscriber's name."""

    def __init__(self, database: Database, clock: Clock, kept: Sessions, revocations: RevocationDesk) -> None:
        self._database = database
        self._clock = clock
        self._sessions = kept
        self._revocations = revocations

    async def challenge(self, session: Session, serial: str) -> RevocationChallenge:
        """What is to be signed with the key of a certificate; the session has one challenge at a time.

        Args:
            serial: 40 hex digits.

        Raises:
            NotFound: it is not theirs.
            SessionEnded, PasswordToBeChanged, SecondFactorNeeded: as they say.
        """
        session.require_signed_in()
        await self._own(session, serial)
        now = self._clock.now()
        waiting = _waiting(session, serial)
        if waiting is not None and waiting.ends_at - now >= _LEAST_LEFT_SECONDS:
            return waiting
        fresh = RevocationChallenge(serial, secrets.token_bytes(_NONCE_OCTETS), now + CHALLENGE_SECONDS)
        await self._sessions.challenge(session, Challenge(_ceremony(serial), fresh.nonce, fresh.ends_at))
        return fresh

    async def ask(self, session: Session, serial: str, reason: Reason, *, source: str) -> Revoked | UnderReview:
        """Ask without a proof: at once, or for an officer to look at, as profile and kind say.

        Args:
            serial: 40 hex digits.
            source: textual IP address.

        Raises:
            NotFound: it is not theirs.
            BadReason, AlreadyRevoked, CertificateExpired, InProgress: as `RevocationDesk.ask` says.
            PasswordToBeChanged, SecondFactorNeeded: as they say.
        """
        session.require_signed_in()
        await self._own(session, serial)
        actor = f"{session.door}:session:{source}"
        return await self._revocations.ask(serial, reason, asker=Asker.SUBSCRIBER, actor=actor)

    async def prove(self, session: Session, serial: str, signature: bytes, *, source: str) -> Revoked | UnderReview:
        """Revoke as compromised, by a signature over the challenge with the certificate's key: at once.

        What is wrong may be tried again, for a key cannot be guessed; what was right is good once.

        Args:
            serial: 40 hex digits.
            signature: as `RevocationChallenge.require_signed` takes it.
            source: textual IP address.

        Raises:
            NotFound: it is not theirs.
            PageOutdated: there is no such challenge, it has ended, or it was used.
            PossessionNotProved: the certificate's key has not signed it.
            AlreadyRevoked, CertificateExpired: as `RevocationDesk.ask` says.
            PasswordToBeChanged, SecondFactorNeeded: as they say.
        """
        session.require_signed_in()
        certificate = await self._own(session, serial)
        challenge = _waiting(session, serial)
        if challenge is None or self._clock.now() > challenge.ends_at:
            raise PageOutdated
        challenge.require_signed(certificate.der, signature)
        spent = Challenge(_ceremony(serial), challenge.nonce, challenge.ends_at)
        async with self._database.write() as tx:
            if not await sessions.spend_challenge(tx, session.key, spent):
                raise PageOutdated
        actor = f"{session.door}:certificate-key:{source}"
        return await self._revocations.ask(serial, Reason.KEY_COMPROMISE, asker=Asker.HOLDER, actor=actor)

    async def _own(self, session: Session, serial: str) -> Certificate:
        async with self._database.read() as tx:
            return await own_certificates.one(tx, session.registration.id, serial)


def _ceremony(serial: str) -> str:
    """Beside those of passkeys, with which it shares the session's one place."""
    return f"revoke {serial}"


def _waiting(session: Session, serial: str) -> RevocationChallenge | None:
    kept = session.challenge
    if kept is None or kept.ceremony != _ceremony(serial):
        return None
    return RevocationChallenge(serial, kept.value, kept.ends_at)

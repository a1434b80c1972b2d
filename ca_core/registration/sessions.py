"""Beginning, finding and ending sessions."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

import msgspec

from ca_core.applicant import Door
from ca_core.audit import journal
from ca_core.clock import Clock
from ca_core.registration.credential import SecretKeeper
from ca_core.registration.errors import SessionEnded
from ca_core.registration.events import SignedOut
from ca_core.registration.session import Bounds, Challenge, Session, Step
from ca_core.secret import Secret
from ca_core.store import sessions
from ca_core.store.database import Database, Transaction

_TOKEN_OCTETS = 32
_LONGEST_TOKEN = 100
_STEP_SECONDS = 900
"""How long somebody may take for the step that a session is begun for."""
_SELDOM = 10
"""Into how many parts the idle time is cut: that a session is used is written down once in each of them."""


class Sessions:
    """Begins, finds and ends sessions. Of their tokens, the store has keyed hashes."""

    def __init__(self, database: Database, clock: Clock, keeper: SecretKeeper, bounds: Bounds | None = None) -> None:
        self._database = database
        self._clock = clock
        self._bounds = bounds or Bounds()
        self._tokens = keeper.key_from(b"soapstone session token")
        self._forms = keeper.key_from(b"soapstone session form")

    async def begin(
        self,
        tx: Transaction,
        registration_id: str,
        step: Step,
        *,
        door: Door,
        credential_id: str | None = None,
        binding: bytes = b"",
    ) -> Secret:
        """Begin a session; returns its token, which the browser keeps.

        The caller holds the registration, shared, and has seen that it is active.

        Args:
            credential_id: the password that it stands on.
            binding: what is to be shown beside the token at each look.
        """
        now, token = self._clock.now(), Secret(_text(secrets.token_bytes(_TOKEN_OCTETS)))
        longest = self._bounds.longest_seconds if step is Step.SIGNED_IN else _STEP_SECONDS
        await sessions.insert(
            tx,
            self._key(token, binding),
            registration_id,
            door=door,
            step=step,
            credential_id=credential_id,
            now=now,
            ends_at=now + longest,
        )
        return token

    async def look(self, token: Secret, *, door: Door, binding: bytes = b"") -> Session:
        """The session of a token, at every request anew: one statement says what it is and what became of its holder.

        Raises:
            SessionEnded: there is none here, it is over, or what it stands on is void.
            RegistrationSuspended, RegistrationExpired, RegistrationClosed: its holder may not.
        """
        key, now = self._key(token, binding), self._clock.now()
        async with self._database.read() as tx:
            found = await sessions.by_key(tx, key)
        if found is None or found.door is not door or found.is_over(self._bounds, now):
            raise SessionEnded
        found.registration.require_active(now)
        if now - found.seen_at >= self._bounds.idle_seconds // _SELDOM:
            async with self._database.write() as tx:
                await sessions.touch(tx, key, was=found.seen_at, now=now)
        csrf = _text(hmac.digest(self._forms, key, hashlib.sha256))
        return msgspec.structs.replace(found, csrf=csrf, binding=binding)

    async def rotate(
        self, tx: Transaction, session: Session, step: Step, *, credential_id: str | None = None
    ) -> Secret:
        """End a session and begin another one of the same holder; returns its token.

        Raises:
            SessionEnded: somebody else has ended it meanwhile.
        """
        if await sessions.end(tx, session.key) is None:
            raise SessionEnded
        return await self.begin(
            tx,
            session.registration.id,
            step,
            door=session.door,
            credential_id=credential_id,
            binding=session.binding,
        )

    async def end(self, token: Secret, *, source: str, binding: bytes = b"") -> None:
        """Sign out; whoever is not signed in is so already.

        Args:
            source: textual IP address.
        """
        now = self._clock.now()
        async with self._database.write() as tx:
            ended = await sessions.end(tx, self._key(token, binding))
            if ended is not None:
                registration_id, door = ended
                actor = f"{door}:session:{source}"
                await journal.record(tx, SignedOut(), now=now, actor=actor, registration_id=registration_id)

    async def challenge(self, session: Session, challenge: Challenge) -> None:
        """Remember what a passkey is to sign next; what it was to sign before is forgotten.

        Raises:
            SessionEnded: it is over meanwhile.
        """
        async with self._database.write() as tx:
            if not await sessions.put_challenge(tx, session.key, challenge):
                raise SessionEnded

    async def forget(self) -> None:
        """Remove what is over."""
        now = self._clock.now()
        async with self._database.write() as tx:
            await sessions.forget(tx, now=now, idle_before=now - self._bounds.idle_seconds)

    def _key(self, token: Secret, binding: bytes) -> bytes:
        # Who sends more than a token has sent none.
        text = token.reveal()[:_LONGEST_TOKEN].encode("utf-8", "replace")
        return hmac.digest(self._tokens, hashlib.sha256(binding).digest() + text, hashlib.sha256)


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()

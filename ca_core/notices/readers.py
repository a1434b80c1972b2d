"""Who reads a notice: whose mail it is, whether it is still so, and whether it is wanted."""

from __future__ import annotations

import hashlib
import hmac
import re

import msgspec

from ca_core import names
from ca_core.audit import journal
from ca_core.audit.event import Event
from ca_core.clock import Clock
from ca_core.errors import BadName, NotFound
from ca_core.notices.events import Resubscribed, Unsubscribed
from ca_core.notices.notice import LEGALLY_DUE, Notice, Topic
from ca_core.notices.outbox import NotEver, NothingToTell
from ca_core.registration.account import Registration
from ca_core.registration.credential import SecretKeeper
from ca_core.store import noticing, registrations, unsubscriptions
from ca_core.store.database import Database, Transaction

_MAC_DIGITS = 32
_TOKEN = re.compile(r"([0-9a-f]{32})\.[0-9a-f]{32}")
_UNKNOWN = "this link is not valid, or not any more; use the one in the newest mail"


class Reader(msgspec.Struct, frozen=True):
    """Whom a notice is for.

    Attributes:
        email: a checked mailbox, in which nothing can hide.
        notice: what is left of it to tell.
        token: for the link by which it is declined; None where it cannot be.
    """

    registration: Registration
    email: str
    notice: Notice
    token: str | None


class Readers:
    """Finds readers, and hears who wants to be none.

    Args:
        window_seconds: for how long before a certificate's end another one of the same names replaces it.
    """

    def __init__(self, database: Database, clock: Clock, keeper: SecretKeeper, *, window_seconds: int) -> None:
        self._database = database
        self._clock = clock
        self._keeper = keeper
        self._window_seconds = window_seconds

    async def of(self, notice: Notice) -> Reader:
        """Who is to read a notice now.

        Raises:
            NothingToTell: what it says is not so any more, or it is not wanted.
            NotEver: there is no address to send it to.
        """
        async with self._database.read() as tx:
            registration = await registrations.by_id(tx, notice.registration_id)
            email = _checked((await registrations.contact_of(tx, registration.id)).email)
            if notice.topic in LEGALLY_DUE:
                return Reader(registration, email, notice, None)
            if await unsubscriptions.has(tx, registration.id, _digest(email)):
                raise NothingToTell("it was declined")
            notice = await self._still_so(tx, registration, notice)
        return Reader(registration, email, notice, self._token(registration.id, email))

    async def is_told(self, token: str) -> bool:
        """Whether who has this link gets what can be declined.

        Raises:
            NotFound: it is no link of ours, or one that was sent to another address.
        """
        # Whoever has no link of ours comes no further than to this read.
        async with self._database.read() as tx:
            registration_id, digest = await self._opened(tx, token)
            return not await unsubscriptions.has(tx, registration_id, digest)

    async def decline(self, token: str, *, source: str) -> None:
        """Send no more of what can be declined.

        Raises:
            NotFound: as `is_told`.
        """
        if not await self.is_told(token):
            return
        async with self._database.write() as tx:
            registration_id, digest = await self._opened(tx, token)
            if await unsubscriptions.add(tx, registration_id, digest, now=self._clock.now()):
                await self._journal(tx, Unsubscribed(), registration_id, source)

    async def want(self, token: str, *, source: str) -> None:
        """Send everything again.

        Raises:
            NotFound: as `is_told`.
        """
        if await self.is_told(token):
            return
        async with self._database.write() as tx:
            registration_id, digest = await self._opened(tx, token)
            if await unsubscriptions.remove(tx, registration_id, digest):
                await self._journal(tx, Resubscribed(), registration_id, source)

    async def _still_so(self, tx: Transaction, registration: Registration, notice: Notice) -> Notice:
        """Less what was replaced or revoked while it waited."""
        now = self._clock.now()
        if notice.topic is Topic.REGISTRATION_ENDS:
            if registration.expires_at != notice.ends_at:
                raise NothingToTell("the registration was renewed")
            return notice
        left = [
            told
            for told in notice.certificates
            if told.not_after >= now and await noticing.is_still_wanted(tx, told.serial, window=self._window_seconds)
        ]
        if not left:
            raise NothingToTell("every certificate was replaced or revoked, or has expired")
        return msgspec.structs.replace(notice, certificates=tuple(left))

    def _token(self, registration_id: str, email: str) -> str:
        # Nothing is stored of a link, and another address makes another one.
        mac = self._keeper.link_mac(f"notices 1\n{registration_id}\n{email}".encode())
        return f"{registration_id}.{mac.hex()[:_MAC_DIGITS]}"

    async def _opened(self, tx: Transaction, token: str) -> tuple[str, bytes]:
        form = _TOKEN.fullmatch(token)
        if form is None:
            raise NotFound(_UNKNOWN)
        registration_id = form[1]
        try:
            email = _checked((await registrations.contact_of(tx, registration_id)).email)
        except (NotFound, NotEver):
            raise NotFound(_UNKNOWN) from None
        if not hmac.compare_digest(self._token(registration_id, email).encode(), token.encode()):
            raise NotFound(_UNKNOWN)
        return registration_id, _digest(email)

    async def _journal(self, tx: Transaction, event: Event, registration_id: str, source: str) -> None:
        actor = f"portal:notice-link:{source}"
        await journal.record(tx, event, now=self._clock.now(), actor=actor, registration_id=registration_id)


def _checked(email: str) -> str:
    try:
        return names.email(email).value
    except BadName as error:
        raise NotEver(str(error)) from None


def _digest(email: str) -> bytes:
    return hashlib.sha256(email.encode()).digest()

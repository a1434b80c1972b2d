"""What a subscriber does with keys and codes of their own, for devices and programs."""

from __future__ import annotations

import msgspec

from ca_core.applicant import Door
from ca_core.clock import Clock
from ca_core.errors import NotFound
from ca_core.registration.account import Registration
from ca_core.registration.code_desk import CodeDesk
from ca_core.registration.credential import Credential, CredentialKind
from ca_core.registration.eab_desk import EabDesk, EabForm
from ca_core.registration.errors import SessionEnded
from ca_core.registration.freshness import Freshness
from ca_core.registration.kind import Kinds
from ca_core.registration.session import Session
from ca_core.registration.sheet import EabKey
from ca_core.secret import Secret
from ca_core.store import credentials, sessions, uses
from ca_core.store.database import Claim, Database, Transaction

MOST_LIVE = 20
"""How many keys and codes of a registration can be live before its holder may make no more; sheets' among them."""
MOST_LIVE_WITH_OLD = 2 * MOST_LIVE
"""With keys that work on beside their successors: each can be rotated once a day, and none again and again."""
OVERLAP_SECONDS = 86_400
"""How long a key works on beside its successor."""
_MACHINES = frozenset({CredentialKind.EAB_KEY, CredentialKind.ENROLLMENT_CODE})


class Held(msgspec.Struct, frozen=True):
    """A key or code as its holder sees it.

    Attributes:
        certificates: how many go back to it, `uses.MOST_COUNTED` at most.
        last_at: when the last of them was issued, UTC seconds; None where there is none.
    """

    credential: Credential
    certificates: int = 0
    last_at: int | None = None


class Devices:
    """Keys and codes, of whoever is signed in and of nobody else; never more than the RA has granted."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        kinds: Kinds,
        *,
        eab_desk: EabDesk,
        code_desk: CodeDesk,
        fresh: Freshness,
    ) -> None:
        self._database = database
        self._clock = clock
        self._kinds = kinds
        self._eab_desk = eab_desk
        self._code_desk = code_desk
        self._fresh = fresh

    def kinds_for(self, registration: Registration) -> tuple[CredentialKind, ...]:
        """What may be made, in the order in which it is offered."""
        kind = self._kinds.named(registration.kind)
        may = ((CredentialKind.EAB_KEY, kind.has_eab_key), (CredentialKind.ENROLLMENT_CODE, kind.has_enrollment_code))
        return tuple(one for one, is_offered in may if is_offered)

    async def held(self, session: Session) -> list[Held]:
        """Every key and code that is not void, the newest first."""
        async with self._database.read() as tx:
            every = await credentials.every(tx, session.registration.id)
            used = await uses.by_credential(tx, session.registration.id)
        found = [one for one in every if one.kind in _MACHINES and one.voided_at is None]
        return [Held(one, *used.get(one.id, (0, None))) for one in reversed(found)]

    async def add_key(
        self, session: Session, form: EabForm, typed: Secret, *, source: str
    ) -> tuple[Credential, EabKey]:
        """Make an EAB key, which is shown once.

        Args:
            typed: the password, where it is needed.

        Raises:
            WrongSecret, Throttled: the password is needed, and not right.
            QuotaReached: there are `MOST_LIVE`.
            SessionEnded, RegistrationSuspended, RegistrationExpired, RegistrationClosed: meanwhile.
            Refusal: as `EabDesk.add` says.
        """
        await self._fresh.require(session, typed, source=source)
        registration = session.registration
        most = self._clock.now() + self._kinds.named(registration.kind).eab_seconds
        limits = _within(form, registration.eab_uses, most)
        return await self._eab_desk.add(
            registration.account, limits, actor=_actor(source), most=MOST_LIVE, by_holder=self._still_in(session)
        )

    async def add_code(
        self, session: Session, form: EabForm, typed: Secret, *, source: str
    ) -> tuple[Credential, Secret]:
        """Make an enrollment code, which is shown once.

        Raises:
            Refusal: as for a key, and as `CodeDesk.add` says.
        """
        await self._fresh.require(session, typed, source=source)
        registration = session.registration
        most = self._clock.now() + self._kinds.named(registration.kind).code_seconds
        limits = _within(form, registration.uses, most)
        return await self._code_desk.add(
            registration.account, limits, actor=_actor(source), most=MOST_LIVE, by_holder=self._still_in(session)
        )

    async def rotate(self, session: Session, id_: str, typed: Secret, *, source: str) -> tuple[Credential, Secret]:
        """Make the successor of an EAB key, which works on for `OVERLAP_SECONDS`; or another secret of a code, at once.

        Returns:
            What there is now, and its secret: a MAC key as clients take it, or a code.

        Raises:
            WrongSecret, Throttled: the password is needed, and not right.
            NotFound: there is no such one of this subscriber.
            WrongState: as `EabDesk.rotate` and `CodeDesk.rotate` say.
            QuotaReached: there are `MOST_LIVE_WITH_OLD`.
            SessionEnded, RegistrationSuspended, RegistrationExpired, RegistrationClosed: meanwhile.
        """
        found = await self.find(session, id_)
        await self._fresh.require(session, typed, source=source)
        if found.kid is None:
            return await self._code_desk.rotate(found.id, actor=_actor(source), by_holder=self._still_in(session))
        _, made, key = await self._eab_desk.rotate(
            found.kid,
            overlap_seconds=OVERLAP_SECONDS,
            actor=_actor(source),
            most=MOST_LIVE_WITH_OLD,
            by_holder=self._still_in(session),
        )
        return made, key.mac_key

    async def revoke(self, session: Session, id_: str, *, source: str) -> None:
        """Stop a key or code, and whatever goes back to it, at once; only the RA takes that back.

        Raises:
            NotFound: there is no such one of this subscriber.
            WrongState: it is revoked already.
        """
        found = await self.find(session, id_)
        if found.kid is not None:
            await self._eab_desk.revoke(found.kid, actor=_actor(source))
        else:
            await self._code_desk.revoke(found.id, actor=_actor(source))

    async def find(self, session: Session, id_: str) -> Credential:
        """One key or code of whoever is signed in.

        Raises:
            NotFound: there is none, or it is another subscriber's.
        """
        async with self._database.read() as tx:
            found = await credentials.by_id(tx, id_)
        if found is None or found.registration_id != session.registration.id or found.kind not in _MACHINES:
            raise NotFound("there is no such key or code")
        return found

    def _still_in(self, session: Session) -> Claim:
        """Raises where the session has ended since it was looked at: what is made would outlive what has ended it."""

        async def claim(tx: Transaction) -> None:
            found = await sessions.by_key(tx, session.key)
            if found is None:
                raise SessionEnded
            found.registration.require_active(self._clock.now())

        return claim


def _within(form: EabForm, uses: int | None, latest: int) -> EabForm:
    """No more uses than the sheet's own has, and no longer."""
    asked = form.uses if uses is None or (form.uses is not None and form.uses <= uses) else uses
    return msgspec.structs.replace(form, uses=asked, expires_at=min(form.expires_at or latest, latest))


def _actor(source: str) -> str:
    return f"{Door.PORTAL}:session:{source}"

"""Sessions of officers: begun by whom a certificate has proved, and a passkey too where one is registered."""

from __future__ import annotations

from ca_core.applicant import Door
from ca_core.audit import journal
from ca_core.clock import Clock
from ca_core.errors import NotPermitted
from ca_core.registration.errors import SessionEnded
from ca_core.registration.events import SignedIn
from ca_core.registration.portal_sign_in import Begun
from ca_core.registration.session import Session, Step
from ca_core.registration.sessions import Sessions
from ca_core.secret import Secret
from ca_core.staff.role import Actor, Role
from ca_core.store import holds, passkeys, registrations
from ca_core.store.database import Database


class OfficerSignIn:
    """The desk's sessions, worth nothing without the certificate: it is proved at each request beside them.

    Args:
        is_demanded: whether an officer who has no passkey is half way in as well, until one is registered.
    """

    def __init__(self, database: Database, clock: Clock, sessions: Sessions, *, is_demanded: bool = False) -> None:
        self._database = database
        self._clock = clock
        self._sessions = sessions
        self._is_demanded = is_demanded

    async def begin(self, actor: Actor, certificate: bytes = b"") -> Begun:
        """Begin a session of an officer; half way in where a passkey is registered, or demanded.

        Args:
            certificate: DER of the one that was proved, without which the session is none.

        Raises:
            NotPermitted: the actor is no person at the desk.
            RegistrationSuspended, RegistrationClosed: the officer may not, or has left.
        """
        if actor.registration_id is None or actor.role is Role.INTEGRATOR:
            raise NotPermitted("programs have no sessions; they send their token at each request")
        now = self._clock.now()
        async with self._database.write() as tx:
            await tx.hold(holds.registration(actor.registration_id), shared=True)
            (await registrations.by_id(tx, actor.registration_id)).require_active(now)
            is_half_way = self._is_demanded or bool(await passkeys.of(tx, actor.registration_id))
            step = Step.SECOND_FACTOR if is_half_way else Step.SIGNED_IN
            token = await self._sessions.begin(tx, actor.registration_id, step, door=Door.DESK, binding=certificate)
            event = SignedIn(step.value)
            await journal.record(tx, event, now=now, actor=actor.journal_name, registration_id=actor.registration_id)
        return Begun(token, step)

    async def look(self, token: Secret, actor: Actor, certificate: bytes = b"") -> Session:
        """The session of a token, which must be of the officer whose certificate was proved.

        Args:
            certificate: DER of it; a session of another one of theirs is none.

        Raises:
            SessionEnded: it is over, or somebody else's.
            RegistrationSuspended, RegistrationClosed: the officer may not, or has left.
        """
        session = await self._sessions.look(token, door=Door.DESK, binding=certificate)
        if session.registration.id != actor.registration_id:
            raise SessionEnded
        return session

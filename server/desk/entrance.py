"""The second factor at the desk: whoever has registered a passkey shows it once for each session.

The certificate is proved at every request, before anything here. Officers without a passkey have no session.
"""

from __future__ import annotations

from ca_core.registration.errors import SecondFactorNeeded, SessionEnded
from ca_core.registration.session import Session
from ca_core.registration.sessions import Sessions
from ca_core.secret import Secret
from ca_core.staff.officer_sign_in import OfficerSignIn
from ca_core.staff.role import Actor, Role
from protocols.wire import Request
from server.office import Office
from server.signing_in import bounds
from server.web import languages
from server.web.passkeys import Passkeys

COOKIE = "__Host-desk"
"""The session's token; browsers send a cookie of this prefix to this origin only."""
_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Strict"


class Entrance:
    """Begins sessions, and lets nobody past who owes a passkey."""

    def __init__(self, office: Office) -> None:
        database, clock, keeper = office.database, office.clock, office.keeper
        self._sessions = Sessions(database, clock, keeper, bounds(office.settings.sessions))
        self._officers = OfficerSignIn(database, clock, self._sessions)
        self.passkeys = Passkeys(database, clock, keeper, self._sessions, origin=office.settings.desk)

    async def require(self, actor: Actor, request: Request) -> None:
        """Let only pass who has no passkey, or has shown it in the session that the browser has.

        Raises:
            SecondFactorNeeded: it was not shown, or too long ago.
            RegistrationSuspended, RegistrationClosed: the officer may not, or has left.
        """
        # Programs that send a token have no passkeys.
        if actor.registration_id is None or actor.role is Role.INTEGRATOR:
            return
        if not await self.passkeys.of(actor.registration_id):
            return
        try:
            session = await self.session(actor, request)
        except SessionEnded:
            raise SecondFactorNeeded from None
        session.require_signed_in()

    async def is_owing(self, actor: Actor, request: Request) -> bool:
        """Whether a passkey is still to be shown.

        Raises:
            RegistrationSuspended, RegistrationClosed: as `require` says.
        """
        try:
            await self.require(actor, request)
        except SecondFactorNeeded:
            return True
        return False

    async def session(self, actor: Actor, request: Request) -> Session:
        """The session that the browser has.

        Raises:
            SessionEnded: it has none, it is over, or it is another officer's.
            RegistrationSuspended, RegistrationClosed: the officer may not, or has left.
        """
        return await self._officers.look(_token(request), actor)

    async def session_or_new(self, actor: Actor, request: Request) -> tuple[Session, tuple[tuple[str, str], ...]]:
        """The session that the browser has, or a new one, and the header fields by which the browser keeps that.

        Raises:
            NotPermitted, RegistrationSuspended, RegistrationClosed: as `OfficerSignIn.begin` says.
        """
        try:
            return await self.session(actor, request), ()
        except SessionEnded:
            begun = await self._officers.begin(actor)
            return await self._officers.look(begun.token, actor), (keeping(begun.token),)

    async def end(self, request: Request) -> None:
        """Sign out."""
        await self._sessions.end(_token(request), source=request.peer.address)


def keeping(token: Secret) -> tuple[str, str]:
    """The header field that has a browser keep a session until it is closed."""
    return "Set-Cookie", f"{COOKIE}={token.reveal()}; {_ATTRIBUTES}"


def forgetting() -> tuple[str, str]:
    """The header field that has a browser forget a session."""
    return "Set-Cookie", f"{COOKIE}=; Max-Age=0; {_ATTRIBUTES}"


def _token(request: Request) -> Secret:
    return Secret(languages.cookies(request).get(COOKIE, ""))

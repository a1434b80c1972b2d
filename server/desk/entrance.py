"""The second factor at the desk: a passkey is shown once for each session, by who has one or by all.

The certificate is proved at every request, before anything here. Where a passkey is optional, who has none has no
session.
"""

from __future__ import annotations

from ca_core.registration.errors import SecondFactorNeeded, SessionEnded
from ca_core.registration.session import Session
from ca_core.registration.sessions import Sessions
from ca_core.registration.sign_in import SignIn
from ca_core.secret import Secret
from ca_core.staff.officer_sign_in import OfficerSignIn
from ca_core.staff.passkey_codes import PasskeyCodes
from ca_core.staff.role import Actor, Role
from protocols.wire import Request
from server.office import Office
from server.setting_tables import SecondFactor
from server.signing_in import bounds
from server.web import languages
from server.web.passkeys import Passkeys

COOKIE = "__Host-desk"
"""The session's token; browsers send a cookie of this prefix to this origin only."""
_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Strict"


class Entrance:
    """Begins sessions, and lets nobody past who owes a passkey.

    Args:
        sign_in: counts and journals wrong codes.

    Attributes:
        codes: with what who has no passkey registers one where all need one.
        is_demanded: whether all do.
    """

    def __init__(self, office: Office, sign_in: SignIn) -> None:
        database, clock, keeper = office.database, office.clock, office.keeper
        self.is_demanded = office.settings.officers.passkey is SecondFactor.REQUIRED
        self.codes = PasskeyCodes(database, clock, keeper, sign_in)
        self._sessions = Sessions(database, clock, keeper, bounds(office.settings.sessions))
        self._officers = OfficerSignIn(database, clock, self._sessions, is_demanded=self.is_demanded)
        fewest, origin = int(self.is_demanded), office.settings.desk
        self.passkeys = Passkeys(database, clock, keeper, self._sessions, origin=origin, fewest=fewest)

    async def require(self, actor: Actor, session: Session | None) -> None:
        """Let only pass who owes no passkey, or has shown it in the session that the browser has.

        Raises:
            SecondFactorNeeded: it was not shown, or too long ago.
        """
        # Programs that send a token have no passkeys.
        if actor.registration_id is None or actor.role is Role.INTEGRATOR:
            return
        if not self.is_demanded and not await self.passkeys.of(actor.registration_id):
            return
        if session is None:
            raise SecondFactorNeeded
        session.require_signed_in()

    async def is_owing(self, actor: Actor, session: Session | None) -> bool:
        """Whether a passkey is still to be shown."""
        try:
            await self.require(actor, session)
        except SecondFactorNeeded:
            return True
        return False

    async def session(self, actor: Actor, request: Request) -> Session | None:
        """The session that the browser has; None where it has none, it is over, or of another officer or certificate.

        Raises:
            RegistrationSuspended, RegistrationClosed: the officer may not, or has left.
        """
        token = _token(request)
        if not token.reveal():
            return None
        try:
            return await self._officers.look(token, actor, _certificate(request))
        except SessionEnded:
            return None

    async def begin(self, actor: Actor, request: Request) -> tuple[Session, tuple[str, str]]:
        """A new session, and the header field by which the browser keeps it.

        Raises:
            NotPermitted, RegistrationSuspended, RegistrationClosed: as `OfficerSignIn.begin` says.
        """
        certificate = _certificate(request)
        begun = await self._officers.begin(actor, certificate)
        return await self._officers.look(begun.token, actor, certificate), keeping(begun.token)

    async def end(self, request: Request) -> None:
        """Sign out."""
        await self._sessions.end(_token(request), source=request.peer.address, binding=_certificate(request))


def keeping(token: Secret) -> tuple[str, str]:
    """The header field that has a browser keep a session until it is closed."""
    return "Set-Cookie", f"{COOKIE}={token.reveal()}; {_ATTRIBUTES}"


def forgetting() -> tuple[str, str]:
    """The header field that has a browser forget a session."""
    return "Set-Cookie", f"{COOKIE}=; Max-Age=0; {_ATTRIBUTES}"


def _token(request: Request) -> Secret:
    return Secret(languages.cookies(request).get(COOKIE, ""))


def _certificate(request: Request) -> bytes:
    """Without which its session is none."""
    return request.peer.certificate or b""

"""Who signs in with a browser at the portal; the desk's second factor is `server.desk.entrance`."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ca_core.registration.freshness import Freshness
from ca_core.registration.password import Passwords
from ca_core.registration.password_hash import Cost
from ca_core.registration.password_proof import PasswordProof
from ca_core.registration.portal_sign_in import PortalSignIn
from ca_core.registration.session import Bounds
from ca_core.registration.sessions import Sessions
from ca_core.registration.sign_in import SignIn
from server.office import Office
from server.setting_tables import Sessions as SessionSettings
from server.sign_in_settings import read_blocklist
from server.web.passkey_sign_in import PasskeySignIn
from server.web.passkeys import Passkeys

_MINUTE_SECONDS, _HOUR_SECONDS = 60, 3600


@dataclass(frozen=True)
class SigningIn:
    """Sessions, and the ways into them.

    Attributes:
        passkeys: good for the host of the portal's pages.
    """

    sessions: Sessions
    proof: PasswordProof
    fresh: Freshness
    portal: PortalSignIn
    passkeys: Passkeys
    passkey_sign_in: PasskeySignIn

    async def forget(self) -> None:
        """Remove sessions that are over, guesses that count for nothing, and marks of answers that are too old."""
        await self.sessions.forget()
        await self.proof.forget()
        await self.passkey_sign_in.forget()


def bounds(settings: SessionSettings) -> Bounds:
    """How long a session may last."""
    return Bounds(settings.idle_minutes * _MINUTE_SECONDS, settings.longest_hours * _HOUR_SECONDS)


def signing_in(opened: Office, sign_in: SignIn, *, crew: int = 0) -> SigningIn:
    """Put it together.

    Args:
        sign_in: journals who was right and is refused all the same.
        crew: how many processes serve the home together; they share what passwords may take of the machine.

    Raises:
        Misconfigured: the blocklist cannot be read.
    """
    settings, database, clock, keeper = opened.settings, opened.database, opened.clock, opened.keeper
    passwords = Passwords(
        keeper,
        blocked=read_blocklist(settings.passwords.blocklist, opened.home),
        cost=Cost(settings.passwords.memory_kib, settings.passwords.passes),
        # One core is left for everything else.
        at_once=max(1, (len(os.sched_getaffinity(0)) - 1) // max(crew, 1)),
    )
    sessions = Sessions(database, clock, keeper, bounds(settings.sessions))
    proof = PasswordProof(database, clock, keeper, passwords, meters=opened.counts.meters)
    return SigningIn(
        sessions=sessions,
        proof=proof,
        fresh=Freshness(database, clock, proof),
        portal=PortalSignIn(
            database, clock, proof=proof, sessions=sessions, sign_in=sign_in, passwords=passwords, kinds=opened.kinds
        ),
        passkeys=Passkeys(database, clock, keeper, sessions, origin=settings.public, opens_alone=True),
        passkey_sign_in=PasskeySignIn(database, clock, keeper, sessions, kinds=opened.kinds, origin=settings.public),
    )

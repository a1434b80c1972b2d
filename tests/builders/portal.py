"""What signs people in, over a core, with passwords that cost next to nothing."""

from __future__ import annotations

from dataclasses import dataclass

from ca_core.metering import Meters, own_meter
from ca_core.registration.credential import SecretKeeper
from ca_core.registration.kind import PRESETS, Kinds
from ca_core.registration.password import WAITING, Passwords
from ca_core.registration.password_hash import Cost
from ca_core.registration.password_policy import NOTHING_BLOCKED, Blocklist
from ca_core.registration.password_proof import PasswordProof
from ca_core.registration.portal_sign_in import Begun, Choice, PortalSignIn
from ca_core.registration.session import Bounds
from ca_core.registration.sessions import Sessions
from ca_core.secret import Secret
from ca_core.staff.officer_sign_in import OfficerSignIn
from server.web.passkeys import Passkeys
from tests.builders.core import Core

CHEAP = Cost(memory_kib=64, passes=1)
GOOD = "violet tractor hums 9"
ORIGIN = "https://ca.example:8443"
SOURCE = "192.0.2.1"


@dataclass(frozen=True)
class Portal:
    """The services of one server."""

    core: Core
    passwords: Passwords
    proof: PasswordProof
    sessions: Sessions
    signing_in: PortalSignIn
    officers: OfficerSignIn
    passkeys: Passkeys

    async def sign_in(self, account: str, password: str | Secret, *, source: str = SOURCE) -> Begun:
        typed = Secret(password) if isinstance(password, str) else password
        return await self.signing_in.sign_in(account, typed, source=source)

    async def change(self, token: Secret, old: str | Secret, new: str, again: str | None = None) -> Begun:
        typed = Secret(old) if isinstance(old, str) else old
        choice = Choice(typed, Secret(new), Secret(new if again is None else again))
        return await self.signing_in.change(token, choice, source=SOURCE)

    async def with_password(self, account: str, password: str = GOOD, *, kind: str = "organization") -> Begun:
        """Register somebody who has chosen a password, and is signed in."""
        sheet = await self.core.register(account, kind=kind)
        assert sheet.initial_password is not None
        begun = await self.sign_in(account, sheet.initial_password)
        return await self.change(begun.token, sheet.initial_password, password)


def portal(
    core: Core,
    *,
    cost: Cost = CHEAP,
    blocked: Blocklist = NOTHING_BLOCKED,
    kinds: Kinds = PRESETS,
    waiting: int = WAITING,
    bounds: Bounds | None = None,
    meters: Meters = own_meter,
) -> Portal:
    """Put them together as the server does."""
    database, clock, keeper = core.database, core.clock, SecretKeeper(bytes(32))
    passwords = Passwords(keeper, blocked=blocked, cost=cost, waiting=waiting)
    sessions = Sessions(database, clock, keeper, bounds)
    proof = PasswordProof(database, clock, keeper, passwords, meters=meters)
    return Portal(
        core=core,
        passwords=passwords,
        proof=proof,
        sessions=sessions,
        signing_in=PortalSignIn(
            database, clock, proof=proof, sessions=sessions, sign_in=core.sign_in, passwords=passwords, kinds=kinds
        ),
        officers=OfficerSignIn(database, clock, sessions),
        passkeys=Passkeys(database, clock, keeper, sessions, origin=ORIGIN),
    )

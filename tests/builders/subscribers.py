"""A subscriber who is signed in at the portal, and the service by which they apply, over a core."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from ca_core.applicant import Door
from ca_core.names import Identifier
from ca_core.registration.agreement import PLAIN_TEXT, Agreement, agreement
from ca_core.registration.kind import PRESETS, Kinds
from ca_core.registration.session import Session
from ca_core.store import agreements
from ca_core.store.certificates import Certificate
from ca_core.subscriber.applying import Application, Applying, Consent, Outcome
from ca_core.subscriber.standing import Line
from tests.builders import csr
from tests.builders.core import Core, granted
from tests.builders.portal import SOURCE, portal

PAIR = ("signing", "encryption")


def fresh() -> bytes:
    """A request with a key that nobody has had, as a tab makes it."""
    return csr.csr(ec.generate_private_key(ec.SECP256R1()), subject="")


def pair() -> dict[str, bytes]:
    """What a tab sends for both certificates of a person."""
    return {profile: fresh() for profile in PAIR}


def text(version: str) -> Agreement:
    return agreement(version, f"The subscriber agreement, version {version}.".encode(), PLAIN_TEXT, "test")


def consent(current: Agreement) -> Consent:
    return Consent(current.version, current.sha256)


async def publish(core: Core, *versions: Agreement) -> None:
    async with core.database.write() as tx:
        for one in versions:
            await agreements.insert(tx, one, now=core.clock.now())


def service(core: Core, *, current: Agreement | None = None, kinds: Kinds = PRESETS) -> Applying:
    return Applying(
        core.database, core.clock, core.enrollment, revocations=core.revocations, kinds=kinds, current=current
    )


@dataclass(frozen=True)
class Subscriber:
    """Somebody with a session."""

    core: Core
    applying: Applying
    session: Session

    async def apply(self, **csrs: bytes) -> dict[str, Outcome]:
        asked = {profile: Application(der) for profile, der in csrs.items()}
        return await self.applying.apply(self.session, asked, None, source=SOURCE)

    async def issued(self, **csrs: bytes) -> dict[str, Certificate]:
        outcomes = await self.apply(**csrs)
        found = {profile: one for profile, one in outcomes.items() if isinstance(one, Certificate)}
        assert found.keys() == outcomes.keys(), outcomes
        return found

    async def offered(self) -> dict[str, Line]:
        papers = await self.applying.papers(self.session)
        return {line.profile.name: line for line in papers.offered}

    async def held(self) -> dict[str, Line]:
        papers = await self.applying.papers(self.session)
        return {line.profile.name: line for line in papers.held}


async def subscriber(
    core: Core,
    account: str = "wang",
    *names: Identifier,
    kind: str = "person",
    current: Agreement | None = None,
    kinds: Kinds = PRESETS,
    profiles: tuple[str, ...] = (),
) -> Subscriber:
    """Register somebody, who has chosen a password and is signed in."""
    doors = portal(core, kinds=kinds)
    sheet = await core.register(account, *granted(*names), kind=kind, profiles=profiles)
    assert sheet.initial_password is not None
    begun = await doors.sign_in(account, sheet.initial_password)
    begun = await doors.change(begun.token, sheet.initial_password, "violet tractor hums 9")
    session = await doors.sessions.look(begun.token, door=Door.PORTAL)
    return Subscriber(core, service(core, current=current, kinds=kinds), session)

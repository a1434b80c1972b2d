"""Taking officers on, and letting them go."""

from __future__ import annotations

from ca_core.audit import journal
from ca_core.clock import Clock
from ca_core.errors import AccountTaken, AlreadyRevoked, CertificateExpired, NotFound, WrongState
from ca_core.registration.account import MAIN, Status
from ca_core.registration.desk import Desk, Form
from ca_core.registration.kind import OFFICER
from ca_core.revocation.desk import RevocationDesk
from ca_core.revocation.reason import Reason
from ca_core.staff.events import OfficerAdded, OfficerEnded
from ca_core.staff.officer import Officer, account_of, checked_name, checked_place
from ca_core.staff.role import EVERY_REALM, Role
from ca_core.store import holds, officers
from ca_core.store.database import Database, Transaction


class Officers:
    """Who works here. Their certificates come through the one door, as everybody's."""

    def __init__(self, database: Database, clock: Clock, desk: Desk, revocations: RevocationDesk) -> None:
        self._database = database
        self._clock = clock
        self._desk = desk
        self._revocations = revocations

    async def add(self, name: str, role: Role, *, realm: str, actor: str) -> Officer:
        """Take somebody on; what an interrupted attempt left is gone on with.

        Raises:
            BadName: the name, or the realm.
            AccountTaken: the name is, or was, somebody's.
        """
        account, realm = account_of(checked_name(name)), checked_place(role, realm)
        # Theirs is what the journal has of them: it is their own realm's to read.
        at = MAIN if realm == EVERY_REALM else realm
        form = Form(OFFICER.name, f"CN={name}", account=account, language="en", realm=at)
        try:
            registration, _ = await self._desk.register(form, actor=actor)
        except AccountTaken:
            registration = await self._desk.show(account)
        now = self._clock.now()
        officer = Officer(registration.id, name, role, realm, now)
        async with self._database.write() as tx:
            if registration.kind != OFFICER.name or not await officers.insert(tx, officer):
                raise AccountTaken(f"there is, or was, an officer {name} already; choose another name")
            event = OfficerAdded(name, role.value, realm)
            await journal.record(tx, event, now=now, actor=actor, registration_id=registration.id)
        return officer

    async def end(self, name: str, *, actor: str) -> tuple[str, ...]:
        """Let somebody go: they are nobody from now on, and their certificates are revoked. Returns the serials.

        What an interrupted attempt left is gone on with.

        Raises:
            NotFound, WrongState: there is no such officer, or they have left already.
        """
        now = self._clock.now()
        async with self._database.write() as tx:
            officer = await _found(tx, name)
            await tx.hold(holds.registration(officer.registration_id))
            had_left = not await officers.end(tx, officer.registration_id, now=now)
            if not had_left:
                event = OfficerEnded(name)
                await journal.record(tx, event, now=now, actor=actor, registration_id=officer.registration_id)
        is_closed = (await self._desk.show(officer.account)).status is Status.CLOSED
        if not is_closed:
            await self._desk.close(officer.account, actor=actor)
        revoked = await self._revoke_all(officer, actor=actor)
        if had_left and is_closed and not revoked:
            raise WrongState(f"{name} has left already")
        return revoked

    async def find(self, name: str) -> Officer:
        """Look somebody up, one who has left too.

        Raises:
            NotFound: there is no such officer.
        """
        async with self._database.read() as tx:
            return await _found(tx, name)

    async def every(self, realm: str = EVERY_REALM) -> list[Officer]:
        """All of a realm, those who have left too, in the order in which they came."""
        async with self._database.read() as tx:
            return await officers.every(tx, realm)

    async def _revoke_all(self, officer: Officer, *, actor: str) -> tuple[str, ...]:
        revoked = []
        for certificate in await self._revocations.every(officer.registration_id):
            try:
                await self._revocations.revoke(certificate.serial, Reason.CESSATION_OF_OPERATION, actor=actor)
            except (AlreadyRevoked, CertificateExpired):
                continue
            revoked.append(certificate.serial)
        return tuple(revoked)


async def _found(tx: Transaction, name: str) -> Officer:
    officer = await officers.named(tx, name)
    if officer is None:
        raise NotFound(f"there is no officer {name[:64]}; see: soapstone officer list")
    return officer

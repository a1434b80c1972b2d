"""What an operator does about officers' passkeys: the code for the first one, and the end of a lost one."""

from __future__ import annotations

import msgspec

from ca_core.audit import journal
from ca_core.clock import Clock
from ca_core.errors import NotFound, RegistrationClosed
from ca_core.registration.credential import SecretKeeper, new_enrollment_code
from ca_core.registration.events import PasskeyRemoved
from ca_core.registration.passkey import Passkey
from ca_core.secret import Secret
from ca_core.staff.events import PasskeyCodeMade
from ca_core.staff.officer import Officer
from ca_core.store import holds, officers, passkey_codes, passkeys, sessions
from ca_core.store.database import Database, Transaction

CODE_HOURS = 24
_HOUR_SECONDS = 3_600


class PasskeyCode(msgspec.Struct, frozen=True):
    """A code that was made; nobody can tell it again.

    Attributes:
        expires_at: UTC seconds.
    """

    code: Secret
    expires_at: int


class OfficerPasskeys:
    """Passkeys of others, by name of their officer."""

    def __init__(self, database: Database, clock: Clock, keeper: SecretKeeper) -> None:
        self._database = database
        self._clock = clock
        self._keeper = keeper

    async def give_code(self, name: str, *, actor: str, hours: int = CODE_HOURS) -> PasskeyCode:
        """Make the code with which an officer registers a passkey; the one before opens nothing any more.

        Raises:
            NotFound: there is no such officer.
            RegistrationClosed: the officer has left.
        """
        now, code = self._clock.now(), new_enrollment_code()
        expires_at = now + hours * _HOUR_SECONDS
        async with self._database.write() as tx:
            officer = await _found(tx, name)
            if officer.ended_at is not None:
                raise RegistrationClosed
            secret = self._keeper.hashed(officer.registration_id, code)
            await passkey_codes.put(tx, officer.registration_id, secret, now=now, expires_at=expires_at)
            event = PasskeyCodeMade(name, expires_at)
            await journal.record(tx, event, now=now, actor=actor, registration_id=officer.registration_id)
        return PasskeyCode(code, expires_at)

    async def of(self, name: str) -> list[Passkey]:
        """All of an officer, the oldest first.

        Raises:
            NotFound: there is no such officer.
        """
        async with self._database.read() as tx:
            return await passkeys.of(tx, (await _found(tx, name)).registration_id)

    async def remove(self, name: str, passkey: str, *, actor: str) -> list[Passkey]:
        """Remove a passkey of an officer; every session of theirs is over, and a code opens nothing any more.

        Args:
            passkey: the name of it, as `Passkey.name` says it.

        Raises:
            NotFound: there is no such officer, or no such passkey.
        """
        gone = await self._remove(name, passkey, actor=actor)
        if not gone:
            raise NotFound(f"{name} has no such passkey; see: soapstone officer passkeys {name}")
        return gone

    async def forget(self, name: str, *, actor: str) -> int:
        """Remove all of somebody who has lost them, as `remove` does; returns how many.

        Raises:
            NotFound: there is no such officer.
        """
        return len(await self._remove(name, None, actor=actor))

    async def _remove(self, name: str, passkey: str | None, *, actor: str) -> list[Passkey]:
        now = self._clock.now()
        async with self._database.write() as tx:
            officer = await _found(tx, name)
            await tx.hold(holds.registration(officer.registration_id))
            held = await passkeys.of(tx, officer.registration_id)
            gone = [one for one in held if passkey in {None, one.name}]
            for one in gone:
                await passkeys.remove(tx, one)
                event = PasskeyRemoved(one.name, one.label)
                await journal.record(tx, event, now=now, actor=actor, registration_id=officer.registration_id)
            await sessions.end_all(tx, officer.registration_id)
            await passkey_codes.remove(tx, officer.registration_id)
        return gone


async def _found(tx: Transaction, name: str) -> Officer:
    officer = await officers.named(tx, name)
    if officer is None:
        raise NotFound(f"there is no officer {name[:64]}; see: soapstone officer list")
    return officer

"""Codes with which an officer registers a passkey without showing one: shown to the operator once, good once."""

from __future__ import annotations

from ca_core.applicant import Door
from ca_core.clock import Clock
from ca_core.errors import WrongSecret
from ca_core.registration.credential import SecretKeeper
from ca_core.registration.sign_in import SignIn
from ca_core.secret import Secret
from ca_core.staff.role import Actor
from ca_core.store import passkey_codes
from ca_core.store.database import Claim, Database, Transaction

_LONGEST = 100


class PasskeyCodes:
    """What officers type in. Whoever has stolen a certificate has none.

    Args:
        sign_in: counts wrong ones against their source, and journals them.
    """

    def __init__(self, database: Database, clock: Clock, keeper: SecretKeeper, sign_in: SignIn) -> None:
        self._database = database
        self._clock = clock
        self._keeper = keeper
        self._sign_in = sign_in

    async def require(self, actor: Actor, typed: str, *, source: str) -> Claim:
        """Let only the officer pass whose code it is; returns what takes it, in the transaction that it is good for.

        Args:
            source: textual IP address.

        Raises:
            WrongSecret: there is no such code, or not any more: not told apart.
            Throttled: too many of those from this source.
        """
        registration_id, code = actor.registration_id or "", read(typed)
        async with self._database.read() as tx:
            stored = await passkey_codes.of(tx, registration_id, now=self._clock.now())
        # As slow where there is none.
        if not self._keeper.matches(registration_id, code, stored or bytes(32)) or stored is None:
            await self._sign_in.refuse(actor.name, source=source, door=Door.DESK)
            raise WrongSecret

        async def take(tx: Transaction) -> None:
            if not await passkey_codes.spend(tx, registration_id, stored, now=self._clock.now()):
                raise WrongSecret

        return take


def read(typed: str) -> Secret:
    """A code as people type it: in small letters too, and with blanks around."""
    return Secret(typed.strip().upper()[:_LONGEST])

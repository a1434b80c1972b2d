"""Activation: machine secrets of a sheet open nothing until somebody has said that it arrived (RULES, S2 and S3)."""

from __future__ import annotations

from ca_core.audit import journal
from ca_core.clock import Clock
from ca_core.errors import WrongState
from ca_core.registration import lookup
from ca_core.registration.account import Registration
from ca_core.registration.events import SheetActivated
from ca_core.store import credentials, registrations
from ca_core.store.database import Database, Transaction


async def activate(tx: Transaction, registration: Registration, *, actor: str, now: int) -> bool:
    """Let the machine secrets of the newest sheet work; False when they did already.

    It belongs into the transaction of the first change of the initial password, or of whatever else shows that the
    sheet has come to its subscriber. The caller holds the registration.
    """
    if not await credentials.wake(tx, registration.id):
        return False
    await registrations.touch(tx, registration.id)
    event = SheetActivated(registration.sheet)
    await journal.record(tx, event, now=now, actor=actor, registration_id=registration.id)
    return True


class ActivationDesk:
    """The officer's way to activate a sheet."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def activate(self, account: str, *, actor: str) -> int:
        """Activate the newest sheet of an account; returns its number.

        Raises:
            NotFound: no such account.
            WrongState: the registration is closed, or nothing of its sheet waits to be activated.
        """
        async with self._database.write() as tx:
            registration = await lookup.held_subscriber(tx, account)
            lookup.require_open(registration)
            if not await activate(tx, registration, actor=actor, now=self._clock.now()):
                raise WrongState(f"nothing of sheet {registration.sheet} of {account} waits to be activated")
            return registration.sheet

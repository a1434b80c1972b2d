"""Registrations found by their site account, and held as they are until they are changed."""

from __future__ import annotations

from ca_core.errors import NotFound, WrongState
from ca_core.registration.account import Registration, Status
from ca_core.registration.kind import RESERVED, SERVER
from ca_core.store import holds, registrations
from ca_core.store.database import Transaction


async def found(tx: Transaction, account: str) -> Registration:
    """A registration with its contact.

    Raises:
        NotFound: there is none.
    """
    registration = await registrations.whole(tx, account)
    if registration is None:
        raise NotFound(f"there is no account {account[:64]}")
    return registration


def require_open(registration: Registration) -> None:
    """Let only a registration pass that is not closed.

    Raises:
        WrongState: it is.
    """
    if registration.status is Status.CLOSED:
        raise WrongState(f"the registration {registration.account} is closed; register the subscriber anew")


async def held(tx: Transaction, account: str) -> Registration:
    """A registration as it stays until it is changed here: nobody else changes it, or acts by what it was.

    Raises:
        NotFound: there is none.
    """
    await tx.hold(holds.registration((await found(tx, account)).id))
    return await found(tx, account)


async def held_subscriber(tx: Transaction, account: str) -> Registration:
    """As `held`, of a subscriber.

    Raises:
        NotFound: there is none.
        WrongState: it is this server itself.
    """
    registration = await held(tx, account)
    if registration.kind == SERVER.name:
        raise WrongState(f"{account} is this server itself, and no subscriber")
    return registration


async def held_vetted(tx: Transaction, account: str) -> Registration:
    """As `held`, of somebody whom an officer has vetted by a form.

    Raises:
        NotFound: there is none.
        WrongState: it is this server itself, or an officer.
    """
    registration = await held_subscriber(tx, account)
    if registration.kind in RESERVED:
        raise WrongState(f"{account} is no subscriber, and has no form; see: soapstone {registration.kind} --help")
    return registration

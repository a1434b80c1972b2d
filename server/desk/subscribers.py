"""Registrations as pages find them: those of subscribers whom the actor sees, and no others."""

from __future__ import annotations

from ca_core.errors import NotFound
from ca_core.registration.account import Registration
from ca_core.registration.kind import RESERVED
from server.desk.visit import Visit


async def seen(visit: Visit) -> Registration:
    """The registration of the account in the path, with its contact.

    Raises:
        NotFound: there is none, it is another realm's, or no subscriber's: told apart for nobody.
    """
    account = visit.path["account"]
    registration = await visit.office.desk.show(account)
    if registration.kind in RESERVED or not visit.actor.sees(registration):
        raise NotFound(f"there is no account {account[:64]}")
    return registration


def place_of(account: str) -> str:
    """The address of a registration's page."""
    return f"/registrations/{account}"

"""Where an actor's registrations lie: by which realms, or by which owner, a list is read for it."""

from __future__ import annotations

from typing import NamedTuple

from ca_core.staff.role import EVERY_REALM, Actor
from ca_core.store import lanes
from ca_core.store.database import Transaction


class Scope(NamedTuple):
    """What bounds a list.

    Attributes:
        realms: in which it may look.
        owner: whose registrations alone are shown; None where it is anybody's.
    """

    realms: tuple[str, ...]
    owner: str | None


async def scope_of(tx: Transaction, actor: Actor) -> Scope:
    """The scope of an actor; who sees every realm looks into each that has a registration."""
    realms = await lanes.realms(tx) if actor.realm == EVERY_REALM else [actor.realm]
    return Scope(tuple(realms), actor.owner)

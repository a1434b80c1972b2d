"""Servers that share a store: what they must have alike, and what one of them does for all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ca_core.errors import Misconfigured
from ca_core.store import agreed
from ca_core.store.database import Database
from server.journaling import DUTY, open_key
from server.office import Office


async def require_alike(opened: Office) -> None:
    """Let only a home serve whose keys are those that the store was begun with.

    With another credential key no code or EAB key would open, and with another journal key no checkpoint would hold.

    Raises:
        Misconfigured: says which key is another one, and what to do.
    """
    keys = {
        "credentials.key": opened.keeper.fingerprint,
        "journal.key": (await open_key(opened)).public.fingerprint,
    }
    for name, fingerprint in keys.items():
        async with opened.database.write() as tx:
            if not await agreed.agree(tx, name, fingerprint):
                raise Misconfigured(
                    f"{name} is not the key that this store was begun with; restore it from your backup, or make this"
                    " home from one that serves it: soapstone backup --for-another-server FILE, soapstone join FILE"
                )


async def require_alone(opened: Office) -> None:
    """Let nobody serve from the store, from another server's home either.

    Raises:
        Misconfigured: somebody does.
    """
    if not await opened.database.holds(DUTY):
        raise Misconfigured("another server serves from the same store; stop every server of it first")


def for_all(database: Database, duty: str, turn: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
    """A turn that one process takes for all that serve from a store; the others look whether it still does."""

    async def taken() -> None:
        if await database.holds(duty):
            await turn()

    return taken

"""No full request is carried out twice, whichever server it comes to (RFC 5272, 6.6)."""

from __future__ import annotations

from typing import Protocol

from ca_core.store.database import Database
from protocols.cmc.errors import Replayed
from protocols.cmc.nonces import REMEMBERED_SECONDS, UsedNonces, digest_of
from protocols.cmc.records import used_nonces


class Replays(Protocol):
    """Remembers by sender which nonces were used."""

    async def use(self, sender: str, nonce: bytes, *, now: int) -> None:
        """Use a nonce.

        Args:
            sender: the registration.
            now: UTC seconds.

        Raises:
            Replayed: it was used before.
        """

    async def use_content(self, sender: str, content: bytes, *, now: int) -> None:
        """Let what was asked stand for the nonce that is missing, as `UsedNonces.use_content` says.

        Raises:
            Replayed: the same was asked before.
        """


class OwnReplays:
    """In memory, of a store that one process serves from."""

    def __init__(self) -> None:
        self._used = UsedNonces()

    async def use(self, sender: str, nonce: bytes, *, now: int) -> None:
        """Use a nonce."""
        self._used.use(sender, nonce, now=now)

    async def use_content(self, sender: str, content: bytes, *, now: int) -> None:
        """Use what was asked."""
        self._used.use_content(sender, content, now=now)


class SharedReplays:
    """In the store, for all servers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def use(self, sender: str, nonce: bytes, *, now: int) -> None:
        """Use a nonce: committed before anything is done for the request."""
        if not await self._is_new(sender, nonce, now):
            raise Replayed

    async def use_content(self, sender: str, content: bytes, *, now: int) -> None:
        """Use what was asked."""
        if not await self._is_new(sender, digest_of(content), now):
            raise Replayed(has_nonce=False)

    async def _is_new(self, sender: str, nonce: bytes, now: int) -> bool:
        async with self._database.write() as tx:
            return await used_nonces.use(tx, sender, nonce, now=now)

    async def forget(self, *, now: int) -> None:
        """Forget what is too old to be repeated."""
        async with self._database.write() as tx:
            await used_nonces.forget(tx, before=now - REMEMBERED_SECONDS)

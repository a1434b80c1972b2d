"""The one list of all that waits for officers, as an actor sees it."""

from __future__ import annotations

import msgspec

from ca_core.registration.kind import PRESETS, Approvals, Kinds
from ca_core.staff.request import Vote
from ca_core.staff.role import Action, Actor
from ca_core.store import approvals, waiting
from ca_core.store.database import Database

ENROLLMENT = "enrollment"
REVOCATION = "revocation"
_FROM_THE_FIRST = (0, 0)


class Waiting(msgspec.Struct, frozen=True):
    """One line of the list.

    Attributes:
        what: `enrollment`, `revocation`, `register`, `reprint` or `revoke`.
        state: `pending`, or `approved` of a sheet that who asked has not collected.
        requested_at, due_at: UTC seconds.
        account: whose it is about; None of a registration that is yet to be made.
        asked_by: as the journal writes it; empty where a subscriber asks for a certificate.
        given, needed: how many officers have agreed, and how many must.
    """

    number: int
    what: str
    state: str
    requested_at: int
    due_at: int
    account: str | None
    realm: str
    asked_by: str
    given: int
    needed: int


class Undone(msgspec.Struct, frozen=True):
    """What somebody asked other officers for, and did not get.

    Attributes:
        what: `register`, `reprint` or `revoke`.
        state: `rejected` or `lapsed`.
        account: whose it was about; None of a registration that was never made.
        decided_at: UTC seconds.
        note: why.
    """

    number: int
    what: str
    state: str
    account: str | None
    decided_at: int
    note: str


class WaitingList:
    """What waits, page by page, and who has voted on it."""

    def __init__(self, database: Database, kinds: Kinds = PRESETS) -> None:
        self._database = database
        self._kinds = kinds

    async def page(self, actor: Actor, *, after: tuple[int, int] = _FROM_THE_FIRST, most: int = 100) -> list[Waiting]:
        """What the actor sees of it, the most urgent first.

        Args:
            after: `due_at` and `number` of the last one of the page before.

        Raises:
            NotPermitted: as it says.
        """
        actor.require(Action.READ_REQUESTS)
        async with self._database.read() as tx:
            rows = await waiting.page(tx, actor, after=after, most=most)
        found = []
        for number, what, state, requested_at, due_at, account, kind, realm, asked_by, stored, given in rows:
            needed = stored or self._needed(kind, what)
            found.append(Waiting(number, what, state, requested_at, due_at, account, realm, asked_by, given, needed))
        return found

    async def undone(self, actor: Actor, *, since: int, most: int = 20) -> list[Undone]:
        """What the actor asked for that was rejected or lapsed, the newest first.

        Args:
            since: UTC seconds.
        """
        async with self._database.read() as tx:
            rows = await waiting.undone(tx, actor, since=since, most=most)
        return [Undone(number, what, state, account, at, note) for at, number, what, state, account, note in rows]

    async def votes(self, number: int) -> list[Vote]:
        """Who has voted on a request, the first one first; whether the actor sees it is asked with the request."""
        async with self._database.read() as tx:
            return await approvals.of(tx, number)

    def _needed(self, kind: str, what: str) -> int:
        known = self._kinds.get(kind)
        policy = known.approvals if known else Approvals()
        return max(1, policy.issue if what == ENROLLMENT else policy.revoke)

"""Trouble on purpose, for those who write ACME clients: what may happen on any server happens here often.

Everything is a wrapper around the real thing, put there by the composition root; a server without the settings `chaos`
has none of them. The same seed throws the same numbers.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
from collections import OrderedDict
from typing import Any, TypeVar

import msgspec

from ca_core.clock import Clock
from ca_core.errors import Refusal
from ca_core.store.database import Database, Row, Statement
from protocols.acme.errors import BadNonce
from protocols.acme.probes import CaaFound, Probes, Question, Seen
from protocols.acme.spending import Spending
from protocols.wire import Reply, Request
from server.middleware import Dialogue
from server.setting_tables import Chaos

T = TypeVar("T")

_LOG = logging.getLogger("soapstone")
_SEED_OCTETS = 8
_MOST_DELAYED = 10_000
_TENTHS = 10
_SHUFFLED = ("authorizations", "challenges", "identifiers")
_JSON = ("Content-Type", "application/json")


class Dice:
    """Numbers that follow from a seed; those of two purposes have nothing to do with each other."""

    def __init__(self, seed: str, purpose: str) -> None:
        self._key = f"{purpose}:{seed}".encode()
        self._thrown = 0

    def below(self, most: int) -> int:
        """The next number, from 0 to below `most`."""
        self._thrown += 1
        digest = hmac.digest(self._key, str(self._thrown).encode(), "sha256")
        return int.from_bytes(digest[:8], "big") % most

    def shuffled(self, items: list[T]) -> list[T]:
        """The same items in another order."""
        left, taken = list(items), []
        while left:
            taken.append(left.pop(self.below(len(left))))
        return taken


class Troublemaker:
    """Wraps what a server is made of; where no trouble of a kind is wanted, it hands back what it was given."""

    def __init__(self, wanted: Chaos) -> None:
        self._wanted = wanted
        self._seed = wanted.seed or secrets.token_hex(_SEED_OCTETS)
        if wanted != Chaos(seed=wanted.seed):
            _LOG.warning("event=chaos seed=%s settings=%s", self._seed, msgspec.structs.asdict(wanted))

    def nonces(self, spending: Spending) -> Spending:
        """Nonces of which some good ones are refused."""
        percent = self._wanted.nonces_refused_percent
        return UnreliableSpending(spending, percent, Dice(self._seed, "nonces")) if percent else spending

    def probes(self, probes: Probes) -> Probes:
        """Probes that take their time."""
        slow = self._wanted.slow_seconds
        return SlowProbes(probes, slow, Dice(self._seed, "probes")) if slow else probes

    def dialogue(self, acme: Dialogue, clock: Clock) -> Dialogue:
        """Answers in which lists have no order, and certificates come late."""
        wanted = self._wanted
        if not wanted.shuffle and not wanted.slow_seconds:
            return acme
        return UnsteadyDialogue(acme, clock, wanted, Dice(self._seed, "answers"))


class UnreliableSpending:
    """Refuses some of the nonces that would be accepted; RFC 8555, 6.5 has clients try again with the new one."""

    def __init__(self, inner: Spending, percent: int, dice: Dice) -> None:
        self._inner = inner
        self._percent = percent
        self._dice = dice

    def issue(self) -> str:
        """Make a nonce."""
        return self._inner.issue()

    async def spend(self, nonce: str | None) -> None:
        """Accept a nonce, once, and not always."""
        await self._inner.spend(nonce)
        self._roll()

    async def spend_beside(self, nonce: str | None, database: Database, look: Statement) -> Row | None:
        """The same, with a look."""
        row = await self._inner.spend_beside(nonce, database, look)
        self._roll()
        return row

    def _roll(self) -> None:
        if self._dice.below(100) < self._percent:
            raise BadNonce("this good nonce was refused on purpose (chaos); try again with the one in this answer")


class SlowProbes:
    """Probes that begin late."""

    def __init__(self, probes: Probes, seconds: int, dice: Dice) -> None:
        self._probes = probes
        self._seconds = seconds
        self._dice = dice

    async def look(self, question: Question) -> Seen:
        """Wait up to so many seconds, then look."""
        await asyncio.sleep(self._dice.below(self._seconds * _TENTHS + 1) / _TENTHS)
        return await self._probes.look(question)

    async def caa(self, name: str) -> CaaFound:
        """Ask the same, at once: one wait a challenge is enough."""
        return await self._probes.caa(name)


class UnsteadyDialogue:
    """Changes answers on their way out, within what RFC 8555 lets a server do."""

    def __init__(self, acme: Dialogue, clock: Clock, wanted: Chaos, dice: Dice) -> None:
        self._acme = acme
        self._clock = clock
        self._wanted = wanted
        self._dice = dice
        self._ready_at: OrderedDict[str, int] = OrderedDict()

    async def answer(self, request: Request) -> Reply:
        """Answer, with lists in any order, and with an order that has its certificate as one that has not yet."""
        reply = await self._acme.answer(request)
        if _JSON not in reply.headers or not reply.body:
            return reply
        shown: dict[str, Any] = msgspec.json.decode(reply.body)
        if self._wanted.shuffle:
            for member in _SHUFFLED:
                if member in shown:
                    shown[member] = self._dice.shuffled(shown[member])
        headers = reply.headers
        if self._is_delayed(shown, request.path):
            shown["status"] = "processing"
            shown.pop("certificate", None)
            headers = (*headers, ("Retry-After", "1"))
        return Reply(reply.status, headers, msgspec.json.encode(shown))

    def refuse(self, refusal: Refusal) -> Reply:
        """As without chaos."""
        return self._acme.refuse(refusal)

    def bug_reply(self, reference: str) -> Reply:
        """As without chaos."""
        return self._acme.bug_reply(reference)

    def _is_delayed(self, shown: dict[str, Any], path: str) -> bool:
        """Whether a finished order is not to be seen as such yet; from finalize on, for a while, once."""
        finalize = str(shown.get("finalize", ""))
        if not self._wanted.slow_seconds or not finalize or shown.get("status") != "valid":
            return False
        now = self._clock.now()
        if finalize.endswith(path) and finalize not in self._ready_at:
            self._ready_at[finalize] = now + self._dice.below(self._wanted.slow_seconds + 1)
            if len(self._ready_at) > _MOST_DELAYED:
                self._ready_at.popitem(last=False)
        return now < self._ready_at.get(finalize, now)

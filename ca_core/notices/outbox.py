"""Telling what was put down: lease, send, and take away; or try again later, less and less often, until an end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec

from ca_core.audit import journal
from ca_core.clock import Clock
from ca_core.notices.events import NoticeFailed, NoticeSent
from ca_core.notices.notice import MAIL
from ca_core.store import outbox
from ca_core.store.database import Database, Transaction
from ca_core.store.outbox import Parcel, Rest

ACTOR = "server:notices"
"""The journal's actor for what is sent by itself."""
_LOG = logging.getLogger("soapstone.notices")
_LEASE_SECONDS = 300
_LONGEST_PAUSE_SECONDS = 900
_FIRST_PAUSE_SECONDS = 10
_FAILURES_TO_REST = 3
_MOST_GIVEN_UP = 500
_LONGEST_WHY = 300


class NotNow(Exception):
    """The other side did not take it, and may take it later.

    Args:
        is_channel: whether the other side takes nothing at all for now, so that the others need not be tried.
    """

    def __init__(self, why: str, *, is_channel: bool = True) -> None:
        super().__init__(why)
        self.is_channel = is_channel


class NotEver(Exception):
    """The other side will never take it."""


class NothingToTell(Exception):
    """What was to be told is not so any more, or nobody wants to hear it."""


class Pace(msgspec.Struct, frozen=True):
    """How often and for how long one tries: seconds, the delay doubled each time.

    Attributes:
        at_once: how many are sent side by side.
    """

    first_delay_seconds: int
    longest_delay_seconds: int
    end_seconds: int
    at_once: int

    def delay_seconds(self, attempts: int) -> int:
        """How long to wait after so many attempts."""
        return min(self.longest_delay_seconds, self.first_delay_seconds << min(attempts - 1, 16))


BY_MAIL = Pace(60, 4 * 3600, 5 * 86_400, 1)
"""RFC 5321, 4.5.4.1: five days, and patience."""
BY_WEBHOOK = Pace(5, 3600, 86_400, 8)

Send = Callable[[Parcel], Awaitable[None]]
"""Sends one; raises NotNow, NotEver or NothingToTell."""


class Courier:
    """Takes what waits on one channel to the other side."""

    def __init__(self, database: Database, clock: Clock, channel: str, send: Send, pace: Pace) -> None:
        self._database = database
        self._clock = clock
        self._channel = channel
        self._send = send
        self._pace = pace

    async def turn(self, most: int) -> int:
        """Send what is due, at most so many; return how many were tried."""
        now = self._clock.now()
        until, latest = now + _LEASE_SECONDS, now + self._pace.longest_delay_seconds
        async with self._database.read() as tx:
            rest = await outbox.rest(tx, self._channel)
            is_old = await outbox.is_old(tx, self._channel, before=now - self._pace.end_seconds)
            # A pause that is longer than any was written by a clock that was ahead.
            is_resting = now < rest.paused_until <= now + _LONGEST_PAUSE_SECONDS
            is_due = not is_resting and await outbox.is_due(tx, self._channel, now=now, until=until, latest=latest)
        if is_old:
            await self._give_up(now)
        if not is_due or most < 1:
            return 0
        return await self._send_each(1 if rest.failures >= _FAILURES_TO_REST else most, rest)

    async def _send_each(self, most: int, rest: Rest) -> int:
        """Lease what is sent side by side, and no more: however slow the other side is, no lease ends in a queue."""
        tried = 0
        while tried < most and rest.paused_until <= self._clock.now():
            batch = await self._lease(min(self._pace.at_once, most - tried))
            if not batch:
                break
            outcomes = await asyncio.gather(*map(self._try, batch))
            rest = await self._settle(list(zip(batch, outcomes, strict=True)), rest)
            tried += len(batch)
        return tried

    async def _lease(self, most: int) -> list[Parcel]:
        now = self._clock.now()
        until, latest = now + _LEASE_SECONDS, now + self._pace.longest_delay_seconds
        async with self._database.write() as tx:
            return await outbox.lease(tx, self._channel, now=now, until=until, latest=latest, most=most)

    async def _try(self, parcel: Parcel) -> NotNow | NotEver | NothingToTell | None:
        try:
            await self._send(parcel)
        except (NotNow, NotEver, NothingToTell) as outcome:
            return outcome
        return None

    async def _settle(self, tried: list[tuple[Parcel, NotNow | NotEver | NothingToTell | None]], rest: Rest) -> Rest:
        now, was = self._clock.now(), rest
        async with self._database.write() as tx:
            for parcel, outcome in tried:
                if isinstance(outcome, NotNow):
                    delay = self._pace.delay_seconds(parcel.attempts)
                    await outbox.postpone(tx, parcel.id, due_at=now + delay, why=str(outcome)[:_LONGEST_WHY])
                    rest = _failed(rest, str(outcome), now) if outcome.is_channel else rest
                    continue
                rest = Rest()
                if await outbox.finish(tx, parcel.id):
                    await self._journal(tx, parcel, outcome, now)
            if rest != was:
                await outbox.set_rest(tx, self._channel, rest)
        if rest.failures >= _FAILURES_TO_REST > was.failures:
            _LOG.warning("event=notices-pause channel=%s why=%r", self._channel, rest.why)
        elif was.failures >= _FAILURES_TO_REST > rest.failures:
            _LOG.warning("event=notices-go-on channel=%s", self._channel)
        return rest

    async def _give_up(self, now: int) -> None:
        async with self._database.write() as tx:
            before = now - self._pace.end_seconds
            for parcel in await outbox.give_up(tx, self._channel, before=before, most=_MOST_GIVEN_UP):
                await self._journal(tx, parcel, NotEver("it was tried for as long as it may be"), now)

    async def _journal(
        self, tx: Transaction, parcel: Parcel, outcome: NotNow | NotEver | NothingToTell | None, now: int
    ) -> None:
        """Of webhooks, which tell of much, only what failed is recorded."""
        one, id_ = parcel.notice, parcel.notice.registration_id or None
        if isinstance(outcome, NotEver):
            failed = NoticeFailed(self._channel, one.topic.value, parcel.id, str(outcome)[:_LONGEST_WHY])
            await journal.record(tx, failed, now=now, actor=ACTOR, registration_id=id_)
            _LOG.warning("event=notice-failed channel=%s message=%s why=%r", self._channel, parcel.id, str(outcome))
        elif outcome is None and self._channel == MAIL:
            sent = NoticeSent(one.topic.value, parcel.id, tuple(told.serial for told in one.certificates))
            await journal.record(tx, sent, now=now, actor=ACTOR, registration_id=id_)


def _failed(rest: Rest, why: str, now: int) -> Rest:
    failures = rest.failures + 1
    beyond = failures - _FAILURES_TO_REST
    pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS << min(beyond, 16)) if beyond >= 0 else 0
    return Rest(failures, now + pause if pause else 0, why[:_LONGEST_WHY])

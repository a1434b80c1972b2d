"""How much there is of what officers look after."""

from __future__ import annotations

import time
from collections.abc import Callable

from ca_core.clock import Clock
from ca_core.policy.renewal import SECONDS_PER_DAY
from ca_core.registration.account import Status
from ca_core.staff.certificate_ways import NOBODYS
from ca_core.staff.journal_search import first_id
from ca_core.staff.lines import MOST_COUNTED, Overview, WeekCount
from ca_core.staff.role import Action, Actor
from ca_core.staff.scope import Scope, scope_of
from ca_core.store import lanes, overviews, waiting
from ca_core.store.database import Database, Transaction, Value
from ca_core.store.lanes import LAST_TIME

MOST_WEEKS = 104
WEEK_SECONDS = 7 * SECONDS_PER_DAY
_LATELY_SECONDS = SECONDS_PER_DAY
_KEPT_TIMES = 100
"""A chart is kept for so many times as long as it took to count: at most one part in a hundred of a core goes there."""
_QUICK_SECONDS = 0.02
"""What takes no longer is counted anew each time."""
_MOST_KEPT = 64


class Counting:
    """Counts up to a number along an index; charts are counted whole, and kept for a while.

    Args:
        window_days: how long before its end a certificate of a profile is about to expire.
    """

    def __init__(self, database: Database, clock: Clock, window_days: Callable[[str | None], int]) -> None:
        self._database = database
        self._clock = clock
        self._window_days = window_days
        self._kept: dict[tuple[str, str | None, int], tuple[int, int, list[WeekCount]]] = {}

    async def overview(self, actor: Actor) -> Overview:
        """What there is to do; what the actor may not read counts as nothing."""
        now = self._clock.now()
        may = actor.permitted
        async with self._database.read() as tx:
            scope = await scope_of(tx, actor)
            soon = now + self._window_days(None) * SECONDS_PER_DAY

            async def of(status: Status, since: int, until: int) -> int:
                return await _registrations(tx, scope, status, since, until)

            return Overview(
                waiting=await waiting.count(tx, actor, most=MOST_COUNTED) if Action.READ_REQUESTS in may else 0,
                expiring=await self._expiring(tx, scope, now) if Action.READ_CERTIFICATES in may else 0,
                ending=await of(Status.ACTIVE, now, soon),
                expired=await of(Status.ACTIVE, 0, now - 1),
                suspended=await of(Status.SUSPENDED, 0, LAST_TIME),
                refused=await overviews.refused(tx, actor, since=first_id(now - _LATELY_SECONDS), most=MOST_COUNTED)
                if Action.READ_JOURNAL in may
                else 0,
            )

    async def expiring(self, actor: Actor, weeks: int) -> list[WeekCount]:
        """What ends in each of the coming weeks; it may be as old as a hundred times what it took to count."""
        weeks = max(1, min(weeks, MOST_WEEKS))
        asked = (actor.realm, actor.owner, weeks)
        now, kept = self._clock.now(), self._kept.get(asked)
        if kept is not None and kept[0] <= now < kept[1]:
            return kept[2]
        start = time.monotonic()
        async with self._database.read() as tx:
            found = await self._weeks(tx, await scope_of(tx, actor), weeks)
        end = time.monotonic()
        if end - start > _QUICK_SECONDS:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[asked] = (now, now + round(_KEPT_TIMES * (end - start)), found)
        return found

    async def _expiring(self, tx: Transaction, scope: Scope, now: int) -> int:
        def until(profile: str | None) -> int:
            return now + self._window_days(profile) * SECONDS_PER_DAY

        if scope.owner is not None:
            asked: dict[str, Value] = {"owner": scope.owner, "since": now, "until": until(None), "most": MOST_COUNTED}
            return await overviews.count(tx, overviews.EXPIRING_OF_OWNER, **asked)
        found = 0
        for realm, profile in await _kinds_of_certificates(tx, scope):
            asked = {"realm": realm, "profile": profile, "since": now, "until": until(profile)}
            found += await overviews.count(tx, overviews.EXPIRING, **asked, most=MOST_COUNTED - found)
            if found >= MOST_COUNTED:
                break
        return found

    async def _weeks(self, tx: Transaction, scope: Scope, weeks: int) -> list[WeekCount]:
        since = self._clock.now()
        asked: dict[str, Value] = {"since": since, "until": since + weeks * WEEK_SECONDS}
        certificates, registrations = [0] * weeks, [0] * weeks

        def add(counts: list[int], found: overviews.Weeks) -> None:
            for week, number in found.items():
                counts[week] += number

        if scope.owner is not None:
            mine: dict[str, Value] = asked | {"owner": scope.owner}
            add(certificates, await overviews.weeks(tx, overviews.WEEKS_OF_OWNER, **mine))
            add(registrations, await overviews.weeks(tx, overviews.REGISTRATION_WEEKS_OF_OWNER, **mine))
        else:
            for realm, profile in await _kinds_of_certificates(tx, scope):
                of_profile: dict[str, Value] = asked | {"realm": realm, "profile": profile}
                add(certificates, await overviews.weeks(tx, overviews.WEEKS, **of_profile))
            for realm in scope.realms:
                add(registrations, await overviews.weeks(tx, overviews.REGISTRATION_WEEKS, **asked, realm=realm))
        for realm in scope.realms:
            revoked = await overviews.revoked_weeks(tx, **asked, realm=realm, owner=scope.owner or "")
            for profile, week, number in revoked:
                certificates[week] -= 0 if profile in NOBODYS else number
        return [
            WeekCount(since + week * WEEK_SECONDS, certificates[week], registrations[week]) for week in range(weeks)
        ]


async def _kinds_of_certificates(tx: Transaction, scope: Scope) -> list[tuple[str, str]]:
    """Realms and profiles of which there are certificates of subscribers."""
    return [
        (realm, profile)
        for realm in scope.realms
        for profile in await lanes.profiles(tx, realm)
        if profile not in NOBODYS
    ]


async def _registrations(tx: Transaction, scope: Scope, status: Status, since: int, until: int) -> int:
    asked: dict[str, Value] = {"status": status.value, "since": since, "until": until}
    if scope.owner is not None:
        mine: dict[str, Value] = asked | {"owner": scope.owner, "looked": MOST_COUNTED}
        return await overviews.count(tx, overviews.REGISTRATIONS_OF_OWNER, **mine, most=MOST_COUNTED)
    found = 0
    for realm in scope.realms:
        if found < MOST_COUNTED:
            found += await overviews.count(tx, overviews.REGISTRATIONS, **asked, realm=realm, most=MOST_COUNTED - found)
    return found

"""Looking things up: everything that the lists of desk and API show, as far as an actor sees it.

Each page goes along an index and stops (`ca_core.store.lanes`). What can be looked for is what an index leads to: how
words begin (`ca_core.registration.search_terms`), how a name, a serial or a time begins; never what is in the midst.
Lists are in the order of what they are found by: registrations newest first; with a status, by the end of their
vetting, the last one first; with words, by the word that was found. Certificates by their end, the last one first, and
the first one where they are about to expire; what is revoked, by when it was; with a name or a serial, by that. The
journal newest first.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ca_core.clock import Clock
from ca_core.errors import BadRequest, NotFound
from ca_core.policy.profile import Profile
from ca_core.registration import recognition
from ca_core.registration.account import Status
from ca_core.registration.contact import Contact
from ca_core.registration.kind import RESERVED
from ca_core.registration.search_terms import words
from ca_core.staff.certificate_search import CertificateSearch
from ca_core.staff.certificates_by_words import found_lanes
from ca_core.staff.counting import Counting
from ca_core.staff.journal_search import journal_page
from ca_core.staff.lines import (
    MOST_LINES,
    CertificateFilter,
    CertificateLine,
    JournalFilter,
    JournalLine,
    Key,
    Overview,
    Page,
    RegistrationLine,
    WeekCount,
    key_at,
    place_of,
)
from ca_core.staff.paging import filled
from ca_core.staff.role import Action, Actor
from ca_core.staff.scope import Scope, scope_of
from ca_core.store import lanes, registrations
from ca_core.store.database import Database, Row, Value
from ca_core.store.lanes import LAST_TIME, Lane, along

_CONTACT = msgspec.json.Decoder(Contact)
_PROFILES = msgspec.json.Decoder(tuple[str, ...])
_ANYTHING = JournalFilter()
ANY_END = (0, LAST_TIME)
"""Of registrations, whenever their vetting ends."""
_LAST_KEY: Key = (LAST_TIME, "~")


class Looking:
    """What is there, page by page. `after` is `more` of the page before, or the `place` of a line."""

    def __init__(self, database: Database, clock: Clock, profiles: Mapping[str, Profile], *, window_days: int) -> None:
        self._database = database
        self._clock = clock
        self._search = CertificateSearch(profiles, window_days=window_days)
        self._counting = Counting(database, clock, self._search.window_days)

    async def registrations(
        self,
        actor: Actor,
        *,
        text: str = "",
        kind: str | None = None,
        status: Status | None = None,
        ends: tuple[int, int] = ANY_END,
        after: str | None = None,
        most: int = 50,
    ) -> Page[RegistrationLine]:
        """Subscribers' registrations.

        Args:
            text: words that must all be found; empty for any registration.
            ends: when the vetting ends, the first and the last second.

        Raises:
            NotPermitted: as it says.
            BadRequest: there is no such place, or no such kind of text.
        """
        actor.require(Action.READ_REGISTRATIONS)
        looked_for = words(text)
        if text.strip() and not looked_for:
            return Page()
        if kind is not None and not kind.isprintable():
            raise BadRequest("what is looked for cannot be printed")
        if looked_for:
            await recognition.complete(self._database)
        now = self._clock.now()
        first = key_at(after, is_text=bool(looked_for)) or ((looked_for[0], "") if looked_for else _LAST_KEY)

        def shown(row: Row) -> RegistrationLine | None:
            line = _registration(row, now)
            is_wanted = kind in {None, line.kind} and status in {None, line.status} and line.kind not in RESERVED
            is_found = (not looked_for or bool(row[-1])) and ends[0] <= line.expires_at <= ends[1]
            return line if is_wanted and is_found and actor.sees(line) else None

        async with self._database.read() as tx:
            scope = await scope_of(tx, actor)
            found = found_lanes(scope, looked_for) if looked_for else _in_order(scope, kind, status, ends, now)

            async def fetch(behind: Key, at_once: int) -> list[Row]:
                return await along(tx, found, behind, most=at_once, is_descending=not looked_for)

            return await filled(fetch, shown, first, most=_bounded(most))

    async def certificates(
        self,
        actor: Actor,
        wanted: CertificateFilter = CertificateFilter(),  # noqa: B008  # frozen
        *,
        after: str | None = None,
        most: int = 50,
    ) -> Page[CertificateLine]:
        """Issued certificates of subscribers.

        Raises:
            NotPermitted: as it says.
            BadRequest: what is looked for cannot be, or there is no such place.
        """
        actor.require(Action.READ_CERTIFICATES)
        if wanted.text is not None:
            await recognition.complete(self._database)
        async with self._database.read() as tx:
            return await self._search.page(tx, actor, wanted, after=after, most=_bounded(most), now=self._clock.now())

    async def journal(
        self, actor: Actor, wanted: JournalFilter = _ANYTHING, *, after: str | None = None, most: int = 50
    ) -> Page[JournalLine]:
        """Rows of the journal; who does not see every realm is shown those about its own registrations.

        Raises:
            NotPermitted: as it says.
            BadRequest: what is looked for cannot be, or there is no such place.
        """
        actor.require(Action.READ_JOURNAL)
        async with self._database.read() as tx:
            return await journal_page(tx, actor, wanted, after=after, most=_bounded(most))

    async def history(
        self, actor: Actor, account: str, *, after: str | None = None, most: int = 50
    ) -> Page[JournalLine]:
        """What the journal has about one registration and its certificates.

        Raises:
            NotPermitted: as it says.
            NotFound: there is no such account, for this actor.
            BadRequest: there is no such place.
        """
        actor.require(Action.READ_REGISTRATIONS)
        async with self._database.read() as tx:
            registration = await registrations.by_account(tx, account) if account.isprintable() else None
            if registration is None or not actor.sees(registration):
                raise NotFound(f"there is no account {account[:64]}")
            wanted = JournalFilter(account=account)
            return await journal_page(tx, actor, wanted, after=after, most=_bounded(most))

    async def overview(self, actor: Actor) -> Overview:
        """How much there is to do.

        Raises:
            NotPermitted: as it says.
        """
        actor.require(Action.READ_REGISTRATIONS)
        return await self._counting.overview(actor)

    async def expiring(self, actor: Actor, weeks: int = 13) -> list[WeekCount]:
        """How much ends in each of the coming weeks.

        Raises:
            NotPermitted: as it says.
        """
        actor.require(Action.READ_CERTIFICATES)
        return await self._counting.expiring(actor, weeks)


def _bounded(most: int) -> int:
    return max(1, min(most, MOST_LINES))


def _registration(row: Row, now: int) -> RegistrationLine:
    key, id_, account, kind, status, subject, contact, realm, owner, profiles, created_at, expires_at, version = row[
        :13
    ]
    is_over = status == Status.ACTIVE and now > expires_at
    return RegistrationLine(
        place=place_of((key, id_)),
        id=id_,
        account=account,
        kind=kind,
        status=Status.EXPIRED if is_over else Status(status),
        subject=subject,
        contact_name=_CONTACT.decode(contact).name,
        realm=realm,
        owner=owner,
        profiles=_PROFILES.decode(profiles),
        created_at=created_at,
        expires_at=expires_at,
        version=version,
    )


def _in_order(scope: Scope, kind: str | None, status: Status | None, ends: tuple[int, int], now: int) -> list[Lane]:
    if scope.owner is not None:
        return [Lane(lanes.REGISTRATIONS_OF_OWNER, {"owner": scope.owner})]
    # Most registrations are active: there the kind says more, if nothing is said of their end.
    if status is not None and not (kind is not None and status is Status.ACTIVE and ends == ANY_END):
        asked = _with_status(status, ends, now)
        return [Lane(lanes.REGISTRATIONS_OF_STATUS, asked | {"realm": realm}) for realm in scope.realms]
    if kind is not None:
        return [Lane(lanes.REGISTRATIONS_OF_KIND, {"realm": realm, "kind": kind}) for realm in scope.realms]
    return [Lane(lanes.REGISTRATIONS, {"realm": realm}) for realm in scope.realms]


def _with_status(status: Status, ends: tuple[int, int], now: int) -> dict[str, Value]:
    """What is stored of a status; that of an expired registration is what time has made of an active one."""
    stored = Status.ACTIVE if status is Status.EXPIRED else status
    since = max(ends[0], now if status is Status.ACTIVE else 0)
    until = min(ends[1], now - 1 if status is Status.EXPIRED else LAST_TIME)
    return {"status": stored.value, "since": since, "until": until}

"""Finding what is to be told, and putting it down: from the journal, and from what ends soon.

The journal is the first outbox: whatever changes is in it by the same transaction, so that nothing is told that did
not happen, and nothing that happened is lost. Putting down is one transaction with the cursor, by compare-and-set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from ca_core.clock import Clock
from ca_core.notices import notice as notice_module
from ca_core.notices.notice import DAYS, HOOKED, MAIL, MAILED, Notice, Told, Topic
from ca_core.policy.profile import Profile
from ca_core.policy.renewal import longest_window_seconds, renewal_window
from ca_core.registration.kind import RESERVED
from ca_core.store import noticing, outbox
from ca_core.store.database import Database, Transaction
from ca_core.store.noticing import Cursor, Found, Whose

_JOURNAL = "journal"
_PAGE = 100
"""Nobody who writes waits for longer than it takes to put these down: about 30 ms."""
_DETAIL = msgspec.json.Decoder(dict[str, object])


class Channel(msgspec.Struct, frozen=True):
    """One way out.

    Attributes:
        name: `mail` or `webhook:NAME`.
        topics: what is told through it.
        reaches: whether it tells those of a registration.
    """

    name: str
    topics: frozenset[Topic]
    reaches: Callable[[Whose], bool]


MAIL_CHANNEL = Channel(MAIL, MAILED, lambda whose: bool(whose.email))
"""Mail, to who has an address."""


class Collector:
    """Looks through what is new, a page at a time.

    Args:
        profiles: by name; they say when a certificate's window opens.
        window_days: the renewal window of profiles that have none of their own.
        channels: those that settings have; none: nothing is looked at, and what was put down is dropped.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        profiles: Mapping[str, Profile],
        *,
        window_days: int,
        channels: Sequence[Channel],
    ) -> None:
        self._database = database
        self._clock = clock
        self._profiles = profiles
        self._window_days = window_days
        self._channels = channels
        self.window_seconds = longest_window_seconds(profiles, window_days)
        """For how long before a certificate's end another one of the same names replaces it."""
        self._is_tidy = False

    async def turn(self) -> None:
        """Put down everything that is due to be told by now."""
        if not self._is_tidy:
            await self._tidy()
            self._is_tidy = True
        if not self._channels:
            return
        await self._read_journal()
        topics = frozenset[Topic]().union(*(channel.topics for channel in self._channels))
        for days in DAYS:
            if Topic.ABOUT_TO_EXPIRE in topics:
                await self._look_ahead(f"certificates:{days}", days)
            if Topic.REGISTRATION_ENDS in topics:
                await self._look_ahead(f"registrations:{days}", days, are_certificates=False)

    async def _tidy(self) -> None:
        """Drop what a channel left that settings have no more: else it would lie there for ever, or be told late."""
        kept = {channel.name for channel in self._channels}
        async with self._database.read() as tx:
            gone = [name for name in await outbox.channels(tx) if name not in kept]
            is_off = not kept and await noticing.has_cursors(tx)
        if gone or is_off:
            async with self._database.write() as tx:
                for name in gone:
                    await outbox.forget(tx, name)
                if is_off:
                    await noticing.forget_cursors(tx)

    async def _read_journal(self) -> None:
        while True:
            async with self._database.read() as tx:
                was, head = await noticing.cursor(tx, _JOURNAL), await noticing.head(tx)
            if was is not None and was.at == head:
                return
            if was is None or was.at > head:
                # Notices were set up now, or another store is in this one's place: what is old is not told.
                await self._begin(_JOURNAL, was, Cursor(head))
                return
            if not await self._read_page(was, head):
                return

    async def _read_page(self, was: Cursor, head: int) -> bool:
        """Put down what a page of the journal tells; False when there is no more, or another server was faster."""
        now = self._clock.now()
        async with self._database.read() as tx:
            rows = await noticing.happened(tx, after=was.at, head=head, most=_PAGE)
        is_full = len(rows) == _PAGE
        async with self._database.write() as tx:
            if not await noticing.move(tx, _JOURNAL, was, Cursor(rows[-1].position if is_full else head)):
                return False
            revoked: dict[tuple[str, str | None], str] = {}
            for row in rows:
                detail = _DETAIL.decode(row.detail)
                topic = notice_module.topic_of(row.event, detail)
                if topic is None:
                    continue
                told = self._told(row.found) if row.found else None
                id_ = row.whose.id
                one = notice_module.of_journal(topic, detail, told, key=row.id, registration_id=id_, at=row.at)
                # Of many that are revoked at once, one mail tells.
                first = revoked.setdefault((id_, one.reason), one.key) if topic is Topic.REVOKED else one.key
                await self._put(tx, row.whose, one, now=now, mail_key=first)
        return is_full

    async def _look_ahead(self, name: str, days: int, *, are_certificates: bool = True) -> None:
        """Put down what ends within so many days and was not looked at yet."""
        now = self._clock.now()
        to = Cursor(notice_module.until(now, days))
        async with self._database.read() as tx:
            was = await noticing.cursor(tx, name)
            if was == to:
                return
        # Where notices were set up now, they are from now on; where the clock was ahead, the marks know what was told.
        if was is not None and was.at < to.at:
            await self._look_through(was, to, days, are_certificates=are_certificates, now=now)
        async with self._database.write() as tx:
            await noticing.move(tx, name, was, to)

    async def _look_through(self, place: Cursor, to: Cursor, days: int, *, are_certificates: bool, now: int) -> None:
        """Put down what ends up to a place; a crash leaves the marks of what was put down, and it begins anew."""
        while place != to:
            page = await self._page(place, to.at, are_certificates=are_certificates)
            place = page[-1][2] if len(page) == _PAGE else to
            if not page:
                return
            async with self._database.write() as tx:
                for whose, found, end in page:
                    if end.at >= now and await noticing.mark(tx, end.last, ends_at=end.at, days=days):
                        await self._put_end(tx, whose, found, end.at, days, now=now)

    async def _page(
        self, was: Cursor, until: int, *, are_certificates: bool
    ) -> list[tuple[Whose, Found | None, Cursor]]:
        """What ends, whose it is, and its place: certificates, or registrations."""
        async with self._database.read() as tx:
            if not are_certificates:
                registrations = await noticing.ending_registrations(tx, after=was, until=until, most=_PAGE)
                return [(one, None, Cursor(one.expires_at, one.id)) for one in registrations]
            found = await noticing.ending(tx, after=was, until=until, window=self.window_seconds, most=_PAGE)
            return [(one.whose, one.found, Cursor(one.found.not_after, one.found.serial)) for one in found]

    async def _put_end(
        self, tx: Transaction, whose: Whose, found: Found | None, ends_at: int, days: int, *, now: int
    ) -> None:
        one = Notice(
            topic=Topic.ABOUT_TO_EXPIRE if found else Topic.REGISTRATION_ENDS,
            key=f"{found.serial if found else whose.id}:{ends_at}:{days}",
            registration_id=whose.id,
            at=now,
            certificates=(self._told(found),) if found else (),
            days=days,
            ends_at=None if found else ends_at,
        )
        day = f"{whose.id}:{notice_module.day_of(ends_at)}:{days}"
        await self._put(tx, whose, one, now=now, mail_key=day if found else one.key)

    async def _put(self, tx: Transaction, whose: Whose, one: Notice, *, now: int, mail_key: str) -> None:
        for channel in self._channels:
            if one.topic not in channel.topics or not channel.reaches(whose):
                continue
            if channel.name == MAIL:
                await outbox.join(tx, MAIL, msgspec.structs.replace(one, key=mail_key), now=now)
            else:
                await outbox.put(tx, channel.name, one, now=now)

    async def _begin(self, name: str, was: Cursor | None, at: Cursor) -> None:
        async with self._database.write() as tx:
            await noticing.move(tx, name, was, at)

    def _told(self, found: Found) -> Told:
        profile = self._profiles.get(found.profile)
        days = self._window_days if profile is None else profile.window_days(self._window_days)
        window = renewal_window(found.not_before, found.not_after, days=days, recalled_at=found.recalled_at)
        return Told(found.serial, found.profile, tuple(found.names.splitlines()), found.not_after, window.opens_at)


def hook_channel(name: str, events: frozenset[Topic], realm: str) -> Channel:
    """A webhook, which hears of one realm's subscribers; empty: of all; never of those who work at the desk."""

    def reaches(whose: Whose) -> bool:
        return realm in {"", whose.realm} and whose.kind not in RESERVED

    return Channel(f"{notice_module.WEBHOOK}{name}", events & HOOKED, reaches)

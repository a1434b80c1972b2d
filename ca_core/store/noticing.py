"""Finding what is to be told: how far one has looked, what ends, and what the journal got since."""

from __future__ import annotations

import msgspec

from ca_core.notices.notice import JOURNALED
from ca_core.registration.contact import Contact
from ca_core.registration.kind import SERVER
from ca_core.revocation.reason import Reason
from ca_core.store.database import Row, Transaction

_WHOSE = "g.id, g.kind, g.realm, g.expires_at, g.contact"
_CONTACT = msgspec.json.Decoder(Contact)
_CERTIFICATE = "c.serial, c.profile, c.names, c.not_before, c.not_after, c.recalled_at"
# Neither is good for anything: what was revoked for good, and what was replaced by one that was not. A certificate of
# the same names replaces this one if it was issued while this one's window was open; before, it is a second one (045).
_STILL_WANTED = (
    "c.state = 'issued' AND NOT EXISTS"
    " (SELECT 1 FROM revocations r WHERE r.serial = c.serial AND r.reason <> :hold) AND NOT EXISTS"
    " (SELECT 1 FROM certificates n WHERE n.replaces = c.serial AND n.state = 'issued' AND NOT EXISTS"
    " (SELECT 1 FROM revocations q WHERE q.serial = n.serial)) AND NOT EXISTS"
    " (SELECT 1 FROM certificates n WHERE n.registration_id = c.registration_id AND n.profile = c.profile"
    " AND n.names_digest = c.names_digest AND n.state = 'issued' AND n.not_after > c.not_after"
    " AND n.issued_at >= c.not_after - :window AND NOT EXISTS"
    " (SELECT 1 FROM revocations q WHERE q.serial = n.serial))"
)
_EVENTS = ", ".join(f"'{event}'" for event in sorted(JOURNALED))
_OF_JOURNAL = (
    " FROM journal j LEFT JOIN registrations g ON g.id = j.registration_id"
    " LEFT JOIN certificates c ON c.serial = j.serial WHERE j.position > :after AND j.position <= :head"
    # Of what officers ask for there may be no registration yet.
    f" AND j.event IN ({_EVENTS}) AND COALESCE(g.kind, '') <> :server ORDER BY j.position LIMIT :most"
)
_HAPPENED = (
    f"SELECT j.position, j.id, j.at, j.event, j.detail, {_CERTIFICATE}, {_WHOSE}"  # our own words
    + _OF_JOURNAL
)
# The end has an index: what ends later costs nothing, however much it is.
ENDING = (
    f"SELECT {_CERTIFICATE}, {_WHOSE} FROM certificates c"  # noqa: S608  # our own words
    " JOIN registrations g ON g.id = c.registration_id WHERE c.not_after >= :at"
    " AND c.not_after <= :until AND (c.not_after > :at OR c.serial > :last)"
    f" AND g.status = 'active' AND g.kind <> :server AND {_STILL_WANTED} ORDER BY c.not_after, c.serial LIMIT :most"
)
_ENDING_REGISTRATIONS = (
    f"SELECT {_WHOSE} FROM registrations g WHERE g.expires_at >= :at AND g.expires_at <= :until"  # noqa: S608  # our own words
    " AND (g.expires_at > :at OR g.id > :last) AND g.status = 'active' AND g.kind <> :server"
    " ORDER BY g.expires_at, g.id LIMIT :most"
)
_IS_WANTED = f"SELECT 1 FROM certificates c WHERE c.serial = :serial AND {_STILL_WANTED}"  # noqa: S608  # our own words
_HOLD = Reason.CERTIFICATE_HOLD.value
LAST = "~"
"""Behind every serial and identity."""


class Cursor(msgspec.Struct, frozen=True):
    """How far one has looked: everything up to `at`, and of what has this very number, up to `last`."""

    at: int
    last: str = LAST


class Found(msgspec.Struct, frozen=True):
    """A certificate as far as a notice needs it; times in UTC seconds, names one a line."""

    serial: str
    profile: str
    names: str
    not_before: int
    not_after: int
    recalled_at: int | None


class _Detail(msgspec.Struct):
    realm: str = ""


class Whose(msgspec.Struct, frozen=True):
    """A registration as far as a notice needs it.

    Attributes:
        id: empty of one that is yet to be made.
        email: where mail goes; empty where there is no address.
    """

    id: str
    kind: str
    realm: str
    expires_at: int
    email: str


class Ending(msgspec.Struct, frozen=True):
    """A certificate, and whose it is."""

    found: Found
    whose: Whose


class Happened(msgspec.Struct, frozen=True):
    """A row of the journal, whose it is, and the certificate that it is about."""

    position: int
    id: str
    at: int
    event: str
    detail: str
    whose: Whose
    found: Found | None


async def cursor(tx: Transaction, name: str) -> Cursor | None:
    """How far one has looked; None where nobody ever has."""
    row = await tx.one("SELECT at, last FROM notice_cursors WHERE name = :name", name=name)
    return Cursor(*row) if row else None


async def move(tx: Transaction, name: str, was: Cursor | None, to: Cursor) -> bool:
    """Go on by compare-and-set; False when another server was faster."""
    if was is None:
        moved = await tx.execute(
            "INSERT INTO notice_cursors (name, at, last) VALUES (:name, :at, :last) ON CONFLICT (name) DO NOTHING",
            name=name,
            at=to.at,
            last=to.last,
        )
        return moved == 1
    moved = await tx.execute(
        "UPDATE notice_cursors SET at = :at, last = :last WHERE name = :name AND at = :was AND last = :was_last",
        name=name,
        at=to.at,
        last=to.last,
        was=was.at,
        was_last=was.last,
    )
    return moved == 1


async def forget_cursors(tx: Transaction) -> None:
    """Look at nothing that happened until now."""
    await tx.execute("DELETE FROM notice_cursors")


async def has_cursors(tx: Transaction) -> bool:
    """Whether anybody has looked."""
    return await tx.one("SELECT 1 FROM notice_cursors LIMIT 1") is not None


async def head(tx: Transaction) -> int:
    """The position of the journal's last row."""
    row = await tx.one("SELECT position FROM journal_head WHERE name = 'journal'")
    return int(row[0]) if row else 0


async def happened(tx: Transaction, *, after: int, head: int, most: int) -> list[Happened]:
    """What the journal has between two positions of which something may be told, in its order."""
    rows = await tx.all(
        _HAPPENED,
        after=after,
        head=head,
        server=SERVER.name,
        most=most,
    )
    return [_happened(row) for row in rows]


async def ending(tx: Transaction, *, after: Cursor, until: int, window: int, most: int) -> list[Ending]:
    """Certificates that end behind a cursor and up to a time, in their order, and should be replaced.

    Args:
        window: for how long before the end of one another one replaces it, seconds.
    """
    rows = await tx.all(
        ENDING,
        at=after.at,
        last=after.last,
        until=until,
        hold=_HOLD,
        window=window,
        server=SERVER.name,
        most=most,
    )
    return [Ending(Found(*row[:6]), _whose(row[6:])) for row in rows]


async def is_still_wanted(tx: Transaction, serial: str, *, window: int) -> bool:
    """Whether a certificate is still to be replaced; `window` as in `ending`."""
    row = await tx.one(
        _IS_WANTED,
        serial=serial,
        hold=_HOLD,
        window=window,
    )
    return row is not None


async def ending_registrations(tx: Transaction, *, after: Cursor, until: int, most: int) -> list[Whose]:
    """Active registrations whose vetting ends behind a cursor and up to a time, in their order."""
    rows = await tx.all(
        _ENDING_REGISTRATIONS,
        at=after.at,
        last=after.last,
        until=until,
        server=SERVER.name,
        most=most,
    )
    return [_whose(row) for row in rows]


async def mark(tx: Transaction, subject: str, *, ends_at: int, days: int) -> bool:
    """Say that an end was told of, so many days before it; False when that, or a nearer one, was told already."""
    marked = await tx.execute(
        "INSERT INTO expiry_notices (subject, ends_at, days) VALUES (:subject, :ends_at, :days)"
        " ON CONFLICT (subject) DO UPDATE SET ends_at = excluded.ends_at, days = excluded.days"
        " WHERE expiry_notices.ends_at <> excluded.ends_at OR expiry_notices.days > excluded.days",
        subject=subject,
        ends_at=ends_at,
        days=days,
    )
    return marked == 1


def _found(row: Row) -> Found | None:
    return None if row[0] is None else Found(*row)


def _happened(row: Row) -> Happened:
    position, id_, at, event, detail = row[:5]
    return Happened(position, id_, at, event, detail, _whose(row[11:], detail), _found(row[5:11]))


def _whose(row: Row, detail: str = "{}") -> Whose:
    id_, kind, realm, expires_at, contact = row
    if id_ is None:
        return Whose("", "", msgspec.json.decode(detail, type=_Detail).realm, 0, "")
    return Whose(id_, kind, realm, expires_at, _CONTACT.decode(contact).email)

"""Registrations and their sheets' numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from ca_core.errors import NotFound
from ca_core.registration.account import Grant, Registration, Status
from ca_core.registration.contact import Contact
from ca_core.registration.kind import OFFICER, SERVER
from ca_core.store.database import Row, Transaction, Value

COLUMNS = (
    "g.id, g.account, g.kind, g.status, g.subject, g.subject_der, g.names, g.profiles, g.language, g.uses, g.sheet,"
    " g.created_at, g.expires_at, g.eab_uses, g.realm, g.version, g.owner"
)
"""What `from_row` reads, for statements that look at `registrations g` beside another table."""
_SELECT = f"SELECT {COLUMNS} FROM registrations g WHERE "  # noqa: S608  # our own words
_WHOLE = f"SELECT {COLUMNS}, g.contact FROM registrations g WHERE "  # noqa: S608  # our own words
_INSERT = (
    "INSERT INTO registrations"
    " (id, account, kind, status, subject, subject_der, names, profiles, language, uses, sheet, created_at,"
    " expires_at, eab_uses, realm, version, contact, owner)"
    " VALUES (:id, :account, :kind, :status, :subject, :subject_der, :names, :profiles, :language, :uses, :sheet,"
    " :created_at, :expires_at, :eab_uses, :realm, :version, :contact, :owner)"
    " ON CONFLICT (account) DO NOTHING"
)
AT_ONCE = 200
"""How many accounts are looked up by one statement."""
_ANY_OF = ", ".join(f":one{number}" for number in range(AT_ONCE))
_STORED = f"SELECT id FROM registrations WHERE id IN ({_ANY_OF})"  # noqa: S608  # our own words
_TAKEN = f"SELECT account FROM registrations WHERE account IN ({_ANY_OF})"  # noqa: S608  # our own words
_MOST_REMEMBERED = 512
_GRANTS = msgspec.json.Decoder(tuple[Grant, ...])
_CONTACT = msgspec.json.Decoder(Contact)
_PROFILES = msgspec.json.Decoder(tuple[str, ...])


def _from_row(row: Row) -> Registration:
    (
        id_,
        account,
        kind,
        status,
        subject,
        subject_der,
        grants,
        profiles,
        language,
        uses,
        sheet,
        created_at,
        expires_at,
        eab_uses,
        realm,
        version,
        owner,
    ) = row
    return Registration(
        id=id_,
        account=account,
        kind=kind,
        status=Status(status),
        subject=subject,
        subject_der=subject_der,
        grants=_GRANTS.decode(grants),
        profiles=_PROFILES.decode(profiles),
        language=language,
        uses=uses,
        sheet=sheet,
        created_at=created_at,
        expires_at=expires_at,
        eab_uses=eab_uses,
        realm=realm,
        version=version,
        owner=owner,
    )


def _whole(row: Row) -> Registration:
    return msgspec.structs.replace(_from_row(row[:-1]), contact_read=_CONTACT.decode(row[-1]))


@lru_cache(maxsize=_MOST_REMEMBERED)
def from_row(row: Row) -> Registration:
    """The registration that a row says; remembered by all that it says, so that what is changed is another one."""
    return _from_row(row)


async def insert(tx: Transaction, registration: Registration) -> bool:
    """Store a new registration; False when its account exists already."""
    return await tx.execute(_INSERT, **_values(registration)) == 1


async def insert_each(tx: Transaction, new: Sequence[Registration]) -> set[str]:
    """Store new registrations, at most `AT_ONCE`, in one hop; return the ids of those whose account did not exist."""
    if not new:
        return set()
    await tx.execute_each(_INSERT, [_values(registration) for registration in new])
    rows = await tx.all(_STORED, **_padded([registration.id for registration in new]))
    return {str(row[0]) for row in rows}


async def taken(tx: Transaction, accounts: Sequence[str]) -> set[str]:
    """Which of these accounts, at most `AT_ONCE`, exist."""
    rows = await tx.all(_TAKEN, **_padded(accounts)) if accounts else []
    return {str(row[0]) for row in rows}


async def by_account(tx: Transaction, account: str) -> Registration | None:
    """Find by site account."""
    row = await tx.one(_SELECT + "account = :account", account=account)
    return from_row(row) if row else None


async def by_id(tx: Transaction, registration_id: str) -> Registration:
    """Find by identity.

    Raises:
        NotFound: there is none.
    """
    row = await tx.one(_SELECT + "id = :id", id=registration_id)
    if row is None:
        raise NotFound("there is no such registration")
    return from_row(row)


async def whole(tx: Transaction, account: str) -> Registration | None:
    """Find by site account, the contact too."""
    row = await tx.one(_WHOLE + "account = :account", account=account)
    return _whole(row) if row else None


async def contact_of(tx: Transaction, registration_id: str) -> Contact:
    """Whom to reach about a registration.

    Raises:
        NotFound: there is none.
    """
    row = await tx.one("SELECT contact FROM registrations WHERE id = :id", id=registration_id)
    if row is None:
        raise NotFound("there is no such registration")
    return _CONTACT.decode(row[0])


async def every(tx: Transaction) -> list[Registration]:
    """All registrations of subscribers, oldest first, contacts too; neither the server's own nor those of officers."""
    rows = await tx.all(
        _WHOLE + "kind <> :server AND kind <> :officer ORDER BY created_at, id",
        server=SERVER.name,
        officer=OFFICER.name,
    )
    return [_whole(row) for row in rows]


async def asking(tx: Transaction, *, every: bool) -> dict[str, str]:
    """The site accounts of those with requests that wait for an officer, or that have ever asked, by identity."""
    rows = await tx.all(
        "SELECT id, account FROM registrations WHERE id IN"
        " (SELECT registration_id FROM enrollment_requests WHERE :every = 1 OR state = 'pending'"
        " UNION SELECT registration_id FROM revocation_requests WHERE :every = 1 OR state = 'pending'"
        " UNION SELECT registration_id FROM desk_requests WHERE :every = 1 OR state IN ('pending', 'approved'))",
        every=int(every),
    )
    return dict(rows)


async def kinds(tx: Transaction) -> dict[str, int]:
    """How many there are of each kind, without those that are closed."""
    return dict(
        await tx.all("SELECT kind, COUNT(*) FROM registrations WHERE status <> 'closed' GROUP BY kind ORDER BY kind")
    )


async def move(tx: Transaction, registration_id: str, *, was: Status, to: Status) -> bool:
    """Change the status by compare-and-set; False when it was another one."""
    changed = await tx.execute(
        "UPDATE registrations SET status = :to, version = version + 1 WHERE id = :id AND status = :was",
        id=registration_id,
        was=was.value,
        to=to.value,
    )
    return changed == 1


async def extend(tx: Transaction, registration_id: str, *, expires_at: int) -> None:
    """Set when the vetting ends."""
    await tx.execute(
        "UPDATE registrations SET expires_at = :expires_at, version = version + 1 WHERE id = :id",
        id=registration_id,
        expires_at=expires_at,
    )


async def touch(tx: Transaction, registration_id: str) -> None:
    """Count a change that no column of it shows."""
    await tx.execute("UPDATE registrations SET version = version + 1 WHERE id = :id", id=registration_id)


async def amend(tx: Transaction, registration: Registration) -> None:
    """Write down what is registered now, with the contact; the caller holds the registration."""
    await tx.execute(
        "UPDATE registrations SET subject = :subject, subject_der = :subject_der, names = :names,"
        " profiles = :profiles, language = :language, uses = :uses, eab_uses = :eab_uses, contact = :contact,"
        " version = version + 1 WHERE id = :id",
        id=registration.id,
        subject=registration.subject,
        subject_der=registration.subject_der,
        names=_text(registration.grants),
        profiles=_text(registration.profiles),
        language=registration.language,
        uses=registration.uses,
        eab_uses=registration.eab_uses,
        contact=_text(registration.contact),
    )


async def regrant(tx: Transaction, registration_id: str, grants: tuple[Grant, ...]) -> None:
    """Replace the registered names."""
    await tx.execute(
        "UPDATE registrations SET names = :names, version = version + 1 WHERE id = :id",
        id=registration_id,
        names=_text(grants),
    )


async def next_sheet(tx: Transaction, registration_id: str) -> int:
    """Take the next sheet number."""
    row = await tx.one(
        "UPDATE registrations SET sheet = sheet + 1, version = version + 1 WHERE id = :id RETURNING sheet",
        id=registration_id,
    )
    if row is None:
        raise NotFound("there is no such registration")
    return int(row[0])


def _text(value: tuple[Grant, ...] | tuple[str, ...] | Contact) -> str:
    return msgspec.json.encode(value).decode()


def _padded(texts: Sequence[str]) -> dict[str, Value]:
    """The values of `_ANY_OF`: one statement, whose plan is kept, for whatever number of them."""
    return {f"one{number}": texts[min(number, len(texts) - 1)] for number in range(AT_ONCE)}


def _values(registration: Registration) -> dict[str, Value]:
    return {
        "id": registration.id,
        "account": registration.account,
        "kind": registration.kind,
        "status": registration.status.value,
        "subject": registration.subject,
        "subject_der": registration.subject_der,
        "names": _text(registration.grants),
        "profiles": _text(registration.profiles),
        "language": registration.language,
        "uses": registration.uses,
        "sheet": registration.sheet,
        "created_at": registration.created_at,
        "expires_at": registration.expires_at,
        "eab_uses": registration.eab_uses,
        "realm": registration.realm,
        "version": registration.version,
        "contact": _text(registration.contact_read or Contact()),
        "owner": registration.owner,
    }

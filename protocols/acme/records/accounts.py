"""Accounts."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from ca_core.registration.account import Registration
from ca_core.registration.agreement import Acceptance
from ca_core.store import registrations
from ca_core.store.database import Row, Statement, Transaction, Value
from protocols.acme import states
from protocols.acme.jwk import AccountKey
from protocols.acme.objects import Account
from protocols.acme.states import AccountStatus, Event

_COLUMNS = (
    "a.id, a.registration_id, a.credential_id, a.thumbprint, a.jwk, a.contacts, a.status, a.eab, a.created_at,"
    " a.agreed_version, a.agreed_sha256, a.agreed_at, c.profiles, c.names, c.revoked_at"
)
_SELECT = f"SELECT {_COLUMNS} FROM acme_accounts a LEFT JOIN credentials c ON c.id = a.credential_id WHERE "  # noqa: S608  # our own words
"""With what holds of its EAB key at this moment: one read says whether an account has power."""
_WITH_REGISTRATION = (
    f"SELECT {registrations.COLUMNS}, {_COLUMNS}"  # noqa: S608  # our own words
    " FROM acme_accounts a JOIN registrations g ON g.id = a.registration_id"
    " LEFT JOIN credentials c ON c.id = a.credential_id WHERE a.id = :id"
)
_OF_REGISTRATION = registrations.COLUMNS.count(",") + 1
_MOST_REMEMBERED = 1024
MOST_SHOWN = 200
"""How many accounts a subscriber sees."""
_LIST = msgspec.json.Decoder(tuple[str, ...])


# By all that the row says: what is changed is another row, so that nothing is remembered for too long.
@lru_cache(maxsize=_MOST_REMEMBERED)
def _from_row(row: Row | None) -> Account | None:
    if row is None:
        return None
    id_, registration_id, credential_id, thumbprint, jwk, contacts, status, eab, created_at, *more = row
    *agreed, profiles, names, revoked_at = more
    return Account(
        id=id_,
        registration_id=registration_id,
        credential_id=credential_id,
        thumbprint=thumbprint,
        key_text=jwk,
        contacts=_LIST.decode(contacts),
        status=AccountStatus(status),
        eab=eab,
        created_at=created_at,
        accepted=None if agreed[0] is None else Acceptance(*agreed),
        allowed_profiles=() if profiles is None else _LIST.decode(profiles),
        allowed_names=() if names is None else _LIST.decode(names),
        is_bond_revoked=revoked_at is not None,
    )


async def insert(tx: Transaction, account: Account) -> bool:
    """Store a new account; False when its key has one already."""
    inserted = await tx.execute(
        "INSERT INTO acme_accounts"
        " (id, registration_id, credential_id, thumbprint, jwk, contacts, status, eab, created_at,"
        " agreed_version, agreed_sha256, agreed_at)"
        " VALUES (:id, :registration_id, :credential_id, :thumbprint, :jwk, :contacts, :status, :eab,"
        " :created_at, :agreed_version, :agreed_sha256, :agreed_at) ON CONFLICT (thumbprint) DO NOTHING",
        id=account.id,
        registration_id=account.registration_id,
        credential_id=account.credential_id,
        thumbprint=account.thumbprint,
        jwk=account.key_text,
        contacts=_text(account.contacts),
        status=account.status.value,
        eab=account.eab,
        created_at=account.created_at,
        **_agreed(account.accepted),
    )
    return inserted == 1


async def by_id(tx: Transaction, account_id: str) -> Account | None:
    """Find by identity, whatever its status."""
    return _from_row(await tx.one(_SELECT + "a.id = :id", id=account_id))


def with_registration(account_id: str) -> Statement:
    """Find by identity, whatever its status, together with its registration as it stands: one look says who asks."""
    return Statement(_WITH_REGISTRATION, {"id": account_id})


def found_with_registration(row: Row | None) -> tuple[Account, Registration] | None:
    """What `with_registration` has found."""
    account = _from_row(row[_OF_REGISTRATION:]) if row else None
    return None if row is None or account is None else (account, registrations.from_row(row[:_OF_REGISTRATION]))


async def by_thumbprint(tx: Transaction, thumbprint: str) -> Account | None:
    """Find by key, whatever its status."""
    return _from_row(await tx.one(_SELECT + "a.thumbprint = :thumbprint", thumbprint=thumbprint))


async def newest(tx: Transaction, registration_id: str) -> Account | None:
    """The newest valid account of a registration; where none is valid, the newest one."""
    row = await tx.one(
        _SELECT + "a.registration_id = :registration_id"
        " ORDER BY CASE WHEN a.status = :valid THEN 0 ELSE 1 END, a.id DESC LIMIT 1",
        registration_id=registration_id,
        valid=AccountStatus.VALID.value,
    )
    return _from_row(row)


async def bound_by(tx: Transaction, credential_id: str) -> list[Account]:
    """The accounts that came by an EAB key, whatever their status, oldest first."""
    rows = await tx.all(_SELECT + "a.credential_id = :credential_id ORDER BY a.id", credential_id=credential_id)
    return [account for row in rows if (account := _from_row(row)) is not None]


class LastUse(msgspec.Struct, frozen=True):
    """An account, and when it ordered last what did not come to nothing.

    Attributes:
        credential_id: of the EAB key that bound it; None of one that was opened without.
        created_at, last_at: UTC seconds; None where there is nothing.
    """

    id: str
    credential_id: str | None
    created_at: int
    status: AccountStatus
    last_at: int | None


async def with_last_use(tx: Transaction, registration_id: str) -> list[LastUse]:
    """The accounts of a registration, the newest first, `MOST_SHOWN` at most."""
    rows = await tx.all(
        # From the end of what each has ordered: so the index says it, however much that is.
        "SELECT p.id, p.credential_id, p.created_at, p.status,"
        " (SELECT o.created_at FROM acme_orders o WHERE o.account_id = p.id AND o.status <> 'invalid'"
        " ORDER BY o.id DESC LIMIT 1)"
        " FROM (SELECT a.id, a.credential_id, a.created_at, a.status FROM acme_accounts a"
        " WHERE a.registration_id = :registration_id ORDER BY a.id DESC LIMIT :most) p ORDER BY p.id DESC",
        registration_id=registration_id,
        most=MOST_SHOWN,
    )
    return [
        LastUse(id_, credential_id, created_at, AccountStatus(status), last_at)
        for id_, credential_id, created_at, status, last_at in rows
    ]


async def count_bound_by(tx: Transaction, credential_id: str) -> int:
    """How many accounts came by an EAB key, whatever their status."""
    ((count,),) = await tx.all(
        "SELECT COUNT(*) FROM acme_accounts WHERE credential_id = :credential_id", credential_id=credential_id
    )
    return int(count)


async def change_contacts(tx: Transaction, account_id: str, contacts: tuple[str, ...]) -> bool:
    """Replace the contacts of a valid account; False when it is none any more."""
    changed = await tx.execute(
        "UPDATE acme_accounts SET contacts = :contacts WHERE id = :id AND status = :valid",
        id=account_id,
        contacts=_text(contacts),
        valid=AccountStatus.VALID.value,
    )
    return changed == 1


async def accept(tx: Transaction, account_id: str, acceptance: Acceptance) -> bool:
    """Note what a valid account accepts; False when it has accepted that before, or is not valid any more."""
    changed = await tx.execute(
        "UPDATE acme_accounts SET agreed_version = :agreed_version, agreed_sha256 = :agreed_sha256,"
        " agreed_at = :agreed_at WHERE id = :id AND status = :valid"
        " AND (agreed_version IS NULL OR agreed_version <> :agreed_version OR agreed_sha256 <> :agreed_sha256)",
        id=account_id,
        valid=AccountStatus.VALID.value,
        **_agreed(acceptance),
    )
    return changed == 1


async def change_key(tx: Transaction, account: Account, key: AccountKey) -> bool:
    """Give a valid account another key by compare-and-set; False when it has not the old one any more."""
    changed = await tx.execute(
        "UPDATE acme_accounts SET thumbprint = :to, jwk = :jwk"
        " WHERE id = :id AND thumbprint = :was AND status = :valid",
        id=account.id,
        was=account.thumbprint,
        to=key.thumbprint,
        jwk=key.jwk,
        valid=AccountStatus.VALID.value,
    )
    return changed == 1


async def deactivate(tx: Transaction, account_id: str) -> bool:
    """Deactivate by compare-and-set; False when the account is not valid any more."""
    changed = await tx.execute(
        "UPDATE acme_accounts SET status = :to WHERE id = :id AND status = :was",
        id=account_id,
        was=AccountStatus.VALID.value,
        to=states.after(states.ACCOUNT, AccountStatus.VALID, Event.DEACTIVATED).value,
    )
    return changed == 1


def _agreed(acceptance: Acceptance | None) -> dict[str, Value]:
    if acceptance is None:
        return {"agreed_version": None, "agreed_sha256": None, "agreed_at": None}
    return {"agreed_version": acceptance.version, "agreed_sha256": acceptance.sha256, "agreed_at": acceptance.at}


def _text(contacts: tuple[str, ...]) -> str:
    return msgspec.json.encode(contacts).decode()

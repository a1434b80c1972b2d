"""Who works at the registration authority."""

from __future__ import annotations

from ca_core.staff.officer import Officer
from ca_core.staff.role import EVERY_REALM, Role
from ca_core.store.database import Row, Transaction

_SELECT = "SELECT registration_id, name, role, realm, created_at, ended_at FROM officers WHERE "


def _officer(row: Row) -> Officer:
    registration_id, name, role, realm, created_at, ended_at = row
    return Officer(registration_id, name, Role(role), realm, created_at, ended_at)


async def insert(tx: Transaction, officer: Officer) -> bool:
    """Store a new officer; False when the name, or the registration, has been somebody's already."""
    inserted = await tx.execute(
        "INSERT INTO officers (registration_id, name, role, realm, created_at)"
        " VALUES (:registration_id, :name, :role, :realm, :created_at) ON CONFLICT DO NOTHING",
        registration_id=officer.registration_id,
        name=officer.name,
        role=officer.role.value,
        realm=officer.realm,
        created_at=officer.created_at,
    )
    return inserted == 1


async def named(tx: Transaction, name: str) -> Officer | None:
    """Find by name, one who has left too."""
    row = await tx.one(_SELECT + "name = :name", name=name)
    return _officer(row) if row else None


async def of_registration(tx: Transaction, registration_id: str) -> Officer | None:
    """Find by registration; None where it is a subscriber's."""
    row = await tx.one(_SELECT + "registration_id = :id", id=registration_id)
    return _officer(row) if row else None


async def every(tx: Transaction, realm: str = EVERY_REALM) -> list[Officer]:
    """All of a realm, those who have left too, in the order in which they came."""
    rows = await tx.all(
        _SELECT + "(:realm = :every OR realm = :realm) ORDER BY created_at, name", realm=realm, every=EVERY_REALM
    )
    return [_officer(row) for row in rows]


async def at_work(tx: Transaction, realm: str, *, now: int) -> list[Officer]:
    """Who works in a realm, or in all of them, and whose registration lets them."""
    rows = await tx.all(
        "SELECT o.registration_id, o.name, o.role, o.realm, o.created_at, o.ended_at FROM officers o"
        " JOIN registrations g ON g.id = o.registration_id WHERE o.ended_at IS NULL"
        " AND (o.realm = :realm OR o.realm = :every) AND g.status = 'active' AND g.expires_at >= :now ORDER BY o.name",
        realm=realm,
        every=EVERY_REALM,
        now=now,
    )
    return [_officer(row) for row in rows]


async def end(tx: Transaction, registration_id: str, *, now: int) -> bool:
    """Write down that somebody has left, by compare-and-set; False when they had already."""
    changed = await tx.execute(
        "UPDATE officers SET ended_at = :now WHERE registration_id = :id AND ended_at IS NULL",
        id=registration_id,
        now=now,
    )
    return changed == 1

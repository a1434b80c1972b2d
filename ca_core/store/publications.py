"""The newest CRL of each issuer."""

from __future__ import annotations

import msgspec

from ca_core.store.database import Transaction


class Publication(msgspec.Struct, frozen=True):
    """One published CRL.

    Attributes:
        name: the issuer's name, as in `/crl/NAME.crl`.
        number: the CRL number, always growing (RFC 5280, 5.2.3).
        this_update, next_update: UTC seconds.
    """

    name: str
    number: int
    this_update: int
    next_update: int
    der: bytes


async def newest(tx: Transaction, name: str) -> Publication | None:
    """The CRL that is to be served."""
    row = await tx.one(
        "SELECT name, number, this_update, next_update, der FROM publications WHERE name = :name", name=name
    )
    return Publication(*row) if row else None


async def lives(tx: Transaction, name: str) -> tuple[int, int] | None:
    """When the newest CRL was made and when the next one is due, without its bytes."""
    row = await tx.one("SELECT this_update, next_update FROM publications WHERE name = :name", name=name)
    return (row[0], row[1]) if row else None


async def replace(tx: Transaction, publication: Publication) -> bool:
    """Put a newer CRL in the place of the one before; False when another one got there first."""
    changed = await tx.execute(
        "INSERT INTO publications (name, number, this_update, next_update, der)"
        " VALUES (:name, :number, :this_update, :next_update, :der)"
        " ON CONFLICT (name) DO UPDATE SET number = excluded.number, this_update = excluded.this_update,"
        " next_update = excluded.next_update, der = excluded.der WHERE publications.number < excluded.number",
        name=publication.name,
        number=publication.number,
        this_update=publication.this_update,
        next_update=publication.next_update,
        der=publication.der,
    )
    return changed == 1

"""The CAs of this server: their certificates, where their keys are, and from when each of them issues."""

from __future__ import annotations

import msgspec

from ca_core.store.database import Transaction


class Row(msgspec.Struct, frozen=True):
    """One CA.

    Attributes:
        name: as in `/crl/NAME.crl`, such as `issuing-2`.
        line: what profiles name, such as `issuing`; a rotation makes the next CA of a line.
        parent: the name of the CA that signed its certificate; its own name where it signed itself.
        key_uri: where its key is; empty where it is elsewhere, as that of an offline root.
        certificate: DER; None while it has none.
        tbs: the intention: what its parent is about to sign; None once that is done, and while a CSR is elsewhere.
        signs_from: since when it issues, UTC seconds.
    """

    name: str
    line: str
    parent: str
    key_uri: str
    certificate: bytes | None
    tbs: bytes | None
    signs_from: int


class CrossRow(msgspec.Struct, frozen=True):
    """A cross-certificate between two roots of one name (RFC 4210, 4.4).

    Attributes:
        subject: the name of the CA whose key is certified.
        issuer: the name of the CA that certifies it.
        certificate, tbs: as in `Row`.
    """

    subject: str
    issuer: str
    certificate: bytes | None
    tbs: bytes | None


async def every(tx: Transaction) -> list[Row]:
    """All CAs, those that came first at the front."""
    rows = await tx.all(
        "SELECT name, line, parent, key_uri, certificate, tbs, signs_from FROM authorities ORDER BY created_at, name"
    )
    return [Row(*row) for row in rows]


async def crosses(tx: Transaction) -> list[CrossRow]:
    """All cross-certificates."""
    rows = await tx.all("SELECT subject, issuer, certificate, tbs FROM cross_certificates ORDER BY subject, issuer")
    return [CrossRow(*row) for row in rows]


async def insert(tx: Transaction, row: Row, *, now: int) -> bool:
    """Store a CA; False when the name is taken."""
    inserted = await tx.execute(
        "INSERT INTO authorities (name, line, parent, key_uri, certificate, tbs, signs_from, created_at)"
        " VALUES (:name, :line, :parent, :key_uri, :certificate, :tbs, :signs_from, :now) ON CONFLICT DO NOTHING",
        **msgspec.structs.asdict(row),
        now=now,
    )
    return inserted == 1


async def insert_cross(tx: Transaction, row: CrossRow) -> None:
    """Store a cross-certificate, or the intention of one."""
    await tx.execute(
        "INSERT INTO cross_certificates (subject, issuer, certificate, tbs)"
        " VALUES (:subject, :issuer, :certificate, :tbs)",
        **msgspec.structs.asdict(row),
    )


async def certify(tx: Transaction, name: str, certificate: bytes, *, parent: str, signs_from: int) -> bool:
    """Give a CA its certificate by compare-and-set; False when it has one."""
    changed = await tx.execute(
        "UPDATE authorities SET certificate = :certificate, tbs = NULL, parent = :parent, signs_from = :signs_from"
        " WHERE name = :name AND certificate IS NULL",
        name=name,
        certificate=certificate,
        parent=parent,
        signs_from=signs_from,
    )
    return changed == 1


async def withdraw(tx: Transaction, name: str) -> None:
    """Remove a CA that waits for its certificate."""
    await tx.execute("DELETE FROM authorities WHERE name = :name AND certificate IS NULL AND tbs IS NULL", name=name)


async def certify_cross(tx: Transaction, subject: str, issuer: str, certificate: bytes) -> bool:
    """Turn the intention of a cross-certificate into one by compare-and-set; False when it is one."""
    changed = await tx.execute(
        "UPDATE cross_certificates SET certificate = :certificate, tbs = NULL"
        " WHERE subject = :subject AND issuer = :issuer AND certificate IS NULL",
        subject=subject,
        issuer=issuer,
        certificate=certificate,
    )
    return changed == 1

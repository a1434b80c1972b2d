"""The newest CRL of each issuer and of each of its shards: what it is in one row, its bytes in parts."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ca_core.revocation.crl import FULL, name_of
from ca_core.store import work
from ca_core.store.database import Transaction
from ca_core.work.item import PUBLISH_CRL


class Edition(msgspec.Struct, frozen=True):
    """One published CRL, without its bytes.

    Attributes:
        issuer: the CA's name.
        shard: 0 is the full CRL.
        number: the CRL number, always growing (RFC 5280, 5.2.3).
        this_update, next_update: UTC seconds.
        body: what its parts are found by.
        parts: how many there are.
    """

    issuer: str
    shard: int
    number: int
    this_update: int
    next_update: int
    body: str
    parts: int

    @property
    def name(self) -> str:
        """As in `/crl/NAME.crl`."""
        return name_of(self.issuer, self.shard)


async def request(tx: Transaction, issuer: str, shard: int, *, now: int) -> None:
    """Have the CRLs published that show a certificate: the full one, and that of its shard.

    It commits with the change that they are to show. Never left out because somebody else has asked: who
    publishes may have read the entries already.
    """
    for wanted in {FULL, shard}:
        await work.add(tx, PUBLISH_CRL, name_of(issuer, wanted), now=now)


async def newest(tx: Transaction, name: str) -> Edition | None:
    """The CRL that is to be served."""
    row = await tx.one(
        "SELECT issuer, shard, number, this_update, next_update, body, parts FROM publications WHERE name = :name",
        name=name,
    )
    return Edition(*row) if row else None


async def due(tx: Transaction, *, now: int) -> list[tuple[str, int]]:
    """Issuer and shard of what has to be replaced: what has used up 45 % of its life, or comes from the future.

    So half of it is left at any time, however long a turn takes. A CRL from the future was made by a clock
    that was wrong; nobody accepts it.
    """
    rows = await tx.all(
        "SELECT issuer, shard FROM publications"
        " WHERE 20 * :now >= 11 * this_update + 9 * next_update OR this_update > :now ORDER BY next_update, shard",
        now=now,
    )
    return [(issuer, shard) for issuer, shard in rows]


async def shards(tx: Transaction, issuer: str) -> set[int]:
    """Those of one issuer that were ever published; 0 is the full CRL."""
    rows = await tx.all("SELECT shard FROM publications WHERE issuer = :issuer", issuer=issuer)
    return {shard for (shard,) in rows}


async def add_address(tx: Transaction, issuer: str, url: str, *, now: int) -> bool:
    """Remember where the full CRL of an issuer is; False when it is known."""
    inserted = await tx.execute(
        "INSERT INTO crl_addresses (issuer, url, since) VALUES (:issuer, :url, :now) ON CONFLICT DO NOTHING",
        issuer=issuer,
        url=url,
        now=now,
    )
    return inserted == 1


async def addresses(tx: Transaction, issuer: str) -> list[str]:
    """Where the full CRL of an issuer is and was, the newest first."""
    rows = await tx.all("SELECT url FROM crl_addresses WHERE issuer = :issuer ORDER BY since DESC, url", issuer=issuer)
    return [url for (url,) in rows]


async def write_part(tx: Transaction, edition: Edition, part: int, octets: bytes, *, now: int) -> None:
    """Store one part of what will be published; nobody sees it before `replace`."""
    await tx.execute_at_length(
        "INSERT INTO publication_parts (body, part, name, made_at, octets) VALUES (:body, :part, :name, :now, :octets)",
        body=edition.body,
        part=part,
        name=edition.name,
        now=now,
        octets=octets,
    )


async def read_part(tx: Transaction, body: str, part: int) -> bytes | None:
    """One part, counted from 0; None when it was replaced meanwhile."""
    row = await tx.one("SELECT octets FROM publication_parts WHERE body = :body AND part = :part", body=body, part=part)
    return row[0] if row else None


async def replace(tx: Transaction, edition: Edition, *, was: int | None) -> bool:
    """Put a CRL in the place of the one with the number `was`, or of none.

    False when another one got there first, or when a part is missing: whoever's clock is ahead may have swept it.

    The number decides that was seen before the entries were read: whoever publishes has read at least what the
    one before him had read, however the numbers came about.
    """
    changed = await tx.execute(
        "INSERT INTO publications (name, issuer, shard, number, this_update, next_update, body, parts)"
        " SELECT :name, :issuer, :shard, :number, :this_update, :next_update, :body, :parts"
        " WHERE (SELECT COUNT(*) FROM publication_parts WHERE body = :body) = :parts ON CONFLICT (name)"
        " DO UPDATE SET number = excluded.number, this_update = excluded.this_update,"
        " next_update = excluded.next_update, body = excluded.body, parts = excluded.parts"
        " WHERE publications.number = :was AND excluded.number > publications.number",
        name=edition.name,
        was=was,
        **msgspec.structs.asdict(edition),
    )
    return changed == 1


async def leftovers(tx: Transaction, name: str, *, before: int) -> list[tuple[str, int]]:
    """Body and number of every part that nothing names and that was made before a time."""
    rows = await tx.all(
        "SELECT body, part FROM publication_parts WHERE name = :name AND made_at < :before"
        " AND body NOT IN (SELECT body FROM publications)",
        name=name,
        before=before,
    )
    return [(body, part) for body, part in rows]


async def delete_parts(tx: Transaction, parts: Sequence[tuple[str, int]]) -> None:
    """Remove parts, each by body and number."""
    for body, part in parts:
        await tx.execute_at_length(
            "DELETE FROM publication_parts WHERE body = :body AND part = :part", body=body, part=part
        )

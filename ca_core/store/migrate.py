"""Numbered migrations: each applied once, in order, in a transaction of its own; none edited after it landed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from importlib.resources.abc import Traversable

import msgspec

from ca_core.errors import Misconfigured
from ca_core.store import holds
from ca_core.store.database import Database, Transaction

_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")


class Migration(msgspec.Struct, frozen=True):
    """One numbered step of one component's schema.

    Attributes:
        component: whose tables: `core`, or a protocol such as `acme`.
        number: 1 and up, without gaps.
        digest: hex SHA-256 of the text, so that an edited file is noticed.
    """

    component: str
    number: int
    name: str
    sql: str
    digest: str


def found_in(component: str, folder: Traversable) -> list[Migration]:
    """Read a component's migrations in order.

    Raises:
        Misconfigured: a stray file name or a gap in the numbers.
    """
    migrations: list[Migration] = []
    for entry in sorted(folder.iterdir(), key=lambda file: file.name):
        if not entry.name.endswith(".sql"):
            continue
        match = _NAME.fullmatch(entry.name)
        if match is None or int(match[1]) != len(migrations) + 1:
            raise Misconfigured(f"migration {entry.name} of {component} is misnamed or out of order")
        text = entry.read_text("utf-8")
        digest = hashlib.sha256(text.encode()).hexdigest()
        migrations.append(Migration(component, int(match[1]), match[2], text, digest))
    return migrations


async def migrate(database: Database, wanted: Iterable[Migration], *, now: int) -> list[Migration]:
    """Bring the schema up to date; return what was applied now.

    Each step asks, inside its own write transaction, whether it is still wanted: of two servers that start
    at once, one applies it and the other finds it done.

    Raises:
        Misconfigured: an applied migration was edited, or the database is newer than this program.
    """
    async with database.write() as tx:
        # Where several may write, also this: of two that make a table which they did not find, one fails.
        await tx.hold(holds.MIGRATIONS)
        await tx.execute(
            "CREATE TABLE IF NOT EXISTS migrations (component TEXT NOT NULL, number BIGINT NOT NULL,"
            " name TEXT NOT NULL, digest TEXT NOT NULL, applied_at BIGINT NOT NULL, PRIMARY KEY (component, number))"
        )
    steps = list(wanted)
    applied = await _applied(database, steps)
    missing = [step for step in steps if (step.component, step.number) not in applied]
    return [step for step in missing if await _apply(database, step, now=now)]


async def _applied(database: Database, known: Iterable[Migration]) -> set[tuple[str, int]]:
    """What the database has already; each must be one of ours, unedited."""
    ours = {(step.component, step.number): step.digest for step in known}
    async with database.read() as tx:
        rows = await tx.all("SELECT component, number, name, digest FROM migrations ORDER BY component, number")
    for component, number, name, digest in rows:
        if (component, number) not in ours:
            raise Misconfigured(
                f"the database is newer than this program (migration {component} {number:04d}_{name});"
                " install the newer soapstone"
            )
        if ours[component, number] != digest:
            raise Misconfigured(f"migration {component} {number:04d}_{name} was edited after it was applied")
    return {(component, number) for component, number, _, _ in rows}


async def _apply(database: Database, step: Migration, *, now: int) -> bool:
    async with database.write() as tx:
        await tx.hold(holds.MIGRATIONS)
        claimed = await _claim(tx, step, now=now)
        if claimed:
            await tx.script(step.sql)
    return claimed


async def _claim(tx: Transaction, step: Migration, *, now: int) -> bool:
    inserted = await tx.execute(
        "INSERT INTO migrations (component, number, name, digest, applied_at)"
        " VALUES (:component, :number, :name, :digest, :now) ON CONFLICT DO NOTHING",
        component=step.component,
        number=step.number,
        name=step.name,
        digest=step.digest,
        now=now,
    )
    return inserted == 1

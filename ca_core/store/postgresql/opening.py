"""Opening a store in PostgreSQL: who we are is said in `store.url`, the password never.

It is left to what libpq knows: a password file, a service, a certificate, or a socket that tells users apart.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ca_core.errors import Misconfigured
from ca_core.store.database import Database
from ca_core.store.postgresql.database import TABLES, PostgresqlDatabase
from ca_core.store.postgresql.duties import Duties
from ca_core.store.postgresql.faults import as_ours, unavailable
from ca_core.store.postgresql.link import Link
from ca_core.store.postgresql.pool import Pool

FEWEST_CONNECTIONS = 2
_OURS = "migrations"
_OLDEST = 140_000
_SECRETS = ("password", "sslpassword")
_UNSAID = {
    "application_name": "soapstone",
    "client_encoding": "UTF8",
    "connect_timeout": "10",
    # A server that went without a word is noticed within half a minute.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    # Of several hosts, the one that is no standby.
    "target_session_attrs": "read-write",
}
"""What a URL may say otherwise."""

_SESSION = """
SET default_transaction_read_only = on;
SET default_transaction_isolation = 'read committed';
SET statement_timeout = '60s';
SET lock_timeout = '10s';
SET idle_in_transaction_session_timeout = '60s';
SET standard_conforming_strings = on;
SET jit = off;
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""
# What is confirmed is on the disk, whatever the role or the database was set to. The lock's time is what SQLite
# waits, too; our statements are short, and compiling one costs more than it saves.

_FACTS = "SELECT current_setting('server_encoding'), current_setting('fsync'), current_setting('full_page_writes')"


async def open_postgresql(url: str, *, create: bool, connections: int) -> Database:
    """Open a database that exists.

    Args:
        create: whether our tables are to be made in it.
        connections: how many this process opens at most.

    Raises:
        Misconfigured: it cannot be reached, or is not one that can be relied on; says what to do.
    """
    parameters = _parameters(url)
    try:
        first = await psycopg.AsyncConnection.connect(**parameters, autocommit=True)
    except psycopg.Error as error:
        said = " ".join(str(error).split())
        raise Misconfigured(
            f"cannot connect to the database of store.url ({said}); see the guide for operators, PostgreSQL"
        ) from None
    async with _closed_unless_kept(first) as kept:
        await _require_sound(first)
        found = await _tables(first)
        _require_expected(found, create=create)
        await first.execute(_SESSION)
        kept.pop_all()

    async def another() -> Link:
        try:
            connection = await psycopg.AsyncConnection.connect(**parameters, autocommit=True)
        except psycopg.Error as error:
            raise unavailable() from error
        async with _closed_unless_kept(connection) as kept:
            try:
                await connection.execute(_SESSION)
            except psycopg.Error as error:
                raise as_ours(error) from error
            kept.pop_all()
        return Link(connection)

    pool = Pool(another, max(connections, FEWEST_CONNECTIONS))
    pool.add(Link(first))
    return PostgresqlDatabase(pool, Duties(another), found)


def _closed_unless_kept(connection: psycopg.AsyncConnection[Any]) -> AsyncExitStack:
    stack = AsyncExitStack()
    stack.push_async_callback(connection.close)
    return stack


def _parameters(url: str) -> dict[str, Any]:
    try:
        said = conninfo_to_dict(url)
    except psycopg.Error:
        # Without what libpq says of it: that quotes the URL, and there may be a password in it.
        raise Misconfigured("store.url cannot be read; write postgresql://USER@HOST/DATABASE") from None
    for secret in _SECRETS:
        if secret in said:
            raise Misconfigured(
                f"store.url holds a {secret}; take it out and name a password file: ?passfile=FILE, or PGPASSFILE"
            )
    return {**_UNSAID, **said}


async def _tables(connection: psycopg.AsyncConnection[Any]) -> frozenset[str]:
    return frozenset(name for (name,) in await (await connection.execute(TABLES)).fetchall())


def _require_expected(found: frozenset[str], *, create: bool) -> None:
    if create and _OURS in found:
        raise Misconfigured("the database of store.url holds a store already; give a new home a database of its own")
    if not create and _OURS not in found:
        # An empty store in the place of a lost one would make every revoked certificate good again.
        raise Misconfigured("the database of store.url holds no store; restore it from your backup")


async def _require_sound(connection: psycopg.AsyncConnection[Any]) -> None:
    version = connection.info.server_version
    if version < _OLDEST:
        raise Misconfigured(
            f"store.url names a PostgreSQL {version // 10_000}; it has to be {_OLDEST // 10_000} or newer"
        )
    row = await (await connection.execute(_FACTS)).fetchone()
    encoding, *durability = row or ("",)
    if encoding != "UTF8":
        raise Misconfigured(f"the database of store.url is in {encoding}; make one with ENCODING 'UTF8'")
    if durability != ["on", "on"]:
        raise Misconfigured("PostgreSQL is set to lose what it has confirmed; set fsync and full_page_writes to on")

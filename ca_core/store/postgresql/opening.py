"""Opening a store in PostgreSQL: who we are is said in `store.url`, the password never.

It is left to a password file, a service, a certificate, or a socket that tells users apart.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import asyncpg

from ca_core.errors import Misconfigured
from ca_core.store.database import Database
from ca_core.store.postgresql.database import TABLES, PostgresqlDatabase
from ca_core.store.postgresql.duties import Duties
from ca_core.store.postgresql.faults import FAULTS
from ca_core.store.postgresql.lending import Lender

FEWEST_CONNECTIONS = 2
_BEGIN = "postgresql://"
_UNREADABLE = "store.url cannot be read; write postgresql://USER@HOST/DATABASE"
_OURS = "migrations"
_OLDEST = 14
_SECRETS = ("password", "sslpassword")
_OF_A_CONNECTION = frozenset(
    {"host", "port", "dbname", "user", "passfile", "service", "target_session_attrs"}
    | {"sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslnegotiation"}
    | {"ssl_min_protocol_version", "ssl_max_protocol_version"}
)
"""What asyncpg knows of libpq's parameters. The rest it leaves out, which may be what protects a connection."""
_OF_A_SESSION = frozenset({"application_name", "options"})

_CONNECTING = {
    "timeout": 10,
    # Longer than the server lets a statement run: one that says nothing for so long has gone without a word.
    "command_timeout": 90,
    # Our statements are some hundreds and stay the same.
    "statement_cache_size": 1000,
    "max_cached_statement_lifetime": 0,
    # Of several hosts, the one that is no standby. `read-write` would take our own readers for one.
    "target_session_attrs": "primary",
}
_SESSION = {
    "application_name": "soapstone",
    "default_transaction_isolation": "read committed",
    "statement_timeout": "60s",
    # What SQLite waits, too.
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
    "standard_conforming_strings": "on",
    # Our statements are short, and compiling one costs more than it saves.
    "jit": "off",
    # Of a client whose machine went without a word, locks and duties are free again within seconds.
    "tcp_keepalives_idle": "3",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "3",
}

# What is confirmed is on the disk, whatever the role or the database was set to; what waits for a standby goes on to.
_DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
_FACTS = "SELECT current_setting('server_encoding'), current_setting('fsync'), current_setting('full_page_writes')"


async def open_postgresql(url: str, *, create: bool, connections: int) -> Database:
    """Open a database that exists.

    Args:
        create: whether our tables are to be made in it.
        connections: how many this process opens at most.

    Raises:
        Misconfigured: it cannot be reached, or is not one that can be relied on; says what to do.
    """
    options = _options(url)
    first = await _reached(options)
    try:
        await _require_sound(first)
        found = frozenset(name for (name,) in await first.fetch(TABLES))
        _require_expected(found, create=create)
    finally:
        await first.close()
    most = max(connections, FEWEST_CONNECTIONS)
    # Apart, so that whoever only reads cannot write, and never waits for those who do.
    readers = _lender(options, most=most // 2, default_transaction_read_only="on")
    writers = _lender(options, most=most - most // 2, default_transaction_read_only="off")
    return PostgresqlDatabase(readers, writers, Duties(partial(asyncpg.connect, **options)), found)


def _lender(options: dict[str, Any], *, most: int, **more: str) -> Lender:
    session = {**options["server_settings"], **more}

    async def opened() -> asyncpg.Connection:
        connection = await asyncpg.connect(**{**options, "server_settings": session})
        is_ready = False
        try:
            await connection.execute(_DURABLE)
            is_ready = True
        finally:
            if not is_ready:
                connection.terminate()
        return connection

    return Lender(opened, most=most)


def _options(url: str) -> dict[str, Any]:
    """What asyncpg is told.

    Raises:
        Misconfigured: the URL holds a secret, or what asyncpg would leave out.
    """
    try:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        is_secret_in_it = bool(parts.password or parts.fragment)
    except ValueError:
        raise Misconfigured(_UNREADABLE) from None
    if not url.startswith(_BEGIN) or "@" in parts.path:
        # The server would be asked for a database of that name, and say that there is no such one, password and all.
        raise Misconfigured(_UNREADABLE)
    if is_secret_in_it or not query.keys().isdisjoint(_SECRETS):
        raise Misconfigured(
            "store.url holds a password; take it out and name a password file: ?passfile=FILE, or PGPASSFILE"
        )
    _require_known(query.keys() - _OF_A_SESSION, "store.url")
    if service := query.get("service"):
        _require_known(_of_service(service).keys() - _SECRETS, f"the service {service} of store.url")
    said = {name: value for name, value in query.items() if name in _OF_A_SESSION}
    return {**_CONNECTING, "dsn": url, "server_settings": {**_SESSION, **said}}


def _require_known(names: Iterable[str], where: str) -> None:
    if unknown := sorted(set(names) - _OF_A_CONNECTION):
        raise Misconfigured(f"{where} says {unknown[0]}, which soapstone does not know; take it out")


def _of_service(name: str) -> Mapping[str, str]:
    """What the file of services says of one; of one that is missing, asyncpg would make the local database."""
    services = configparser.ConfigParser(interpolation=None)
    try:
        services.read(os.environ.get("PGSERVICEFILE") or Path.home() / ".pg_service.conf")
        return services[name]
    except (KeyError, ValueError, configparser.Error):
        raise Misconfigured(
            f"store.url names the service {name}, which PGSERVICEFILE, or ~/.pg_service.conf, does not say"
        ) from None


async def _reached(options: dict[str, Any]) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(**options)
    except FAULTS as error:
        said = " ".join(str(error).split()) or "it does not answer"
        raise Misconfigured(
            f"cannot connect to the database of store.url ({said}); see the guide for operators, PostgreSQL"
        ) from None
    except (ValueError, LookupError):
        # Without what is said of it: that quotes the URL, and there may be a password in it.
        raise Misconfigured(_UNREADABLE) from None


def _require_expected(found: frozenset[str], *, create: bool) -> None:
    if create and _OURS in found:
        raise Misconfigured("the database of store.url holds a store already; give a new home a database of its own")
    if not create and _OURS not in found:
        # An empty store in the place of a lost one would make every revoked certificate good again.
        raise Misconfigured("the database of store.url holds no store; restore it from your backup")


async def _require_sound(connection: asyncpg.Connection) -> None:
    version = connection.get_server_version().major
    if version < _OLDEST:
        raise Misconfigured(f"store.url names a PostgreSQL {version}; it has to be {_OLDEST} or newer")
    encoding, *durability = await connection.fetchrow(_FACTS)
    if encoding != "UTF8":
        raise Misconfigured(f"the database of store.url is in {encoding}; make one with ENCODING 'UTF8'")
    if durability != ["on", "on"]:
        raise Misconfigured("PostgreSQL is set to lose what it has confirmed; set fsync and full_page_writes to on")

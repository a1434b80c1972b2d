"""Commands that make a home and serve it."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import get_args

import click

from ca_core.audit import journal
from ca_core.audit.event import AuthorityMade
from ca_core.clock import SystemClock
from ca_core.errors import Misconfigured
from ca_core.issuance.authorities import ISSUING, ROOT, TRANSPORT
from ca_core.issuance.ceremony import KeyKind, make_authority
from ca_core.issuance.rotation import NewKey, Rotation
from server import example, serving
from server import home as home_module
from server import settings as settings_module
from server.assembly import AUTHORITY, Office, Strongroom, ca_url, crl_url, office, strongbox, strongroom
from server.cli.shared import operator_actor
from server.journaling import open_sequencer
from server.settings import Acme, Settings, read_secret

KEY_KINDS: tuple[KeyKind, ...] = get_args(KeyKind)
_POST_QUANTUM = "ml-dsa"
_LOOPBACK = ("127.0.0.0/8", "::1/128")
_DEVELOPMENT_ONLY = "rsa-2048"
_DEFAULT_PORT = 8443


@click.command()
@click.option("--host", default="localhost", show_default=True, help="The name under which others reach it.")
@click.option("--port", default=_DEFAULT_PORT, show_default=True, help="The first of four consecutive ports.")
@click.option("--key", type=click.Choice(KEY_KINDS), default=KEY_KINDS[0], show_default=True, help="The CA keys.")
@click.option("--issuing-key", metavar="URI", help="The issuing CA's key in a token, pkcs11:...; it is made there.")
@click.option("--development", is_flag=True, help="Probes may reach loopback, the clock can be moved.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="A setting; dotted key, TOML value.")
@click.pass_obj
def init(
    home: Path,
    host: str,
    port: int,
    key: KeyKind,
    assignments: tuple[str, ...],
    *,
    issuing_key: str | None,
    development: bool,
) -> None:
    """Make a home: settings, CA, TLS certificate, database."""
    first = _first_settings(host, port, development=development)
    asyncio.run(_make_home(home, first, key, assignments, issuing_key=issuing_key))
    click.echo(f"{home} is made; register a subscriber and serve it: soapstone --home {home} serve")


@click.command()
@click.option("--workers", "count", default=1, show_default=True, help="Processes; more than one need PostgreSQL.")
@click.pass_obj
def serve(home: Path, count: int) -> None:
    """Serve in the foreground until SIGTERM."""
    if count != 1:
        raise Misconfigured("an SQLite store has one writing process; serve it with --workers 1")
    _log_to_stderr()

    async def ready(opened: Office) -> None:
        _print_addresses(opened)

    asyncio.run(serving.serve(home, ready))


@click.command()
@click.option("--host", default="localhost", show_default=True, help="As for init.")
@click.option("--port", default=_DEFAULT_PORT, show_default=True, help="As for init.")
@click.pass_obj
def up(home: Path, host: str, port: int) -> None:
    """Make a home if there is none, serve it, and show a first certificate."""
    home_module.move_into_place(home)
    if not (home / settings_module.FILE_NAME).exists():
        settings = _first_settings(host, port, development=True)
        assignments = (f"acme.http_01_port={example.HTTP_01_PORT}",)
        asyncio.run(_make_home(home, settings, KEY_KINDS[0], assignments))
    _log_to_stderr()

    async def ready(opened: Office) -> None:
        if not await opened.desk.every():
            click.echo(await example.register_and_explain(opened, actor=operator_actor()))
        _print_addresses(opened)

    asyncio.run(serving.serve(home, ready))


def _first_settings(host: str, port: int, *, development: bool) -> Settings:
    return Settings(
        host=host,
        port=port,
        listen="127.0.0.1" if host == "localhost" else "0.0.0.0",  # noqa: S104  # a server for everybody
        development=development,
        acme=Acme(probe_networks=_LOOPBACK if development else ()),
    )


async def _make_home(
    home: Path, first: Settings, key: KeyKind, assignments: tuple[str, ...], *, issuing_key: str | None = None
) -> None:
    home_module.refuse_existing(home)
    settings = settings_module.with_assignments(first, assignments)
    if key == _DEVELOPMENT_ONLY and not settings.development:
        raise Misconfigured("rsa-2048 is for --development only; choose ec-p256, or rsa-3072 and longer")
    with home_module.staging(home) as folder:
        home_module.lay_out(folder)
        await _fill_home(folder, settings, key, issuing_key)


async def _fill_home(folder: Path, settings: Settings, key: KeyKind, issuing_key: str | None) -> None:
    now = SystemClock(development=settings.development).now()
    box = strongbox(settings, folder)
    elsewhere = box.open_key(box.make_key(ISSUING, key, issuing_key), None) if issuing_key else None
    made = make_authority(
        folder / AUTHORITY,
        key_kind=key,
        passphrase=read_secret(settings.authority.passphrase, folder).reveal().encode(),
        now=now,
        root_crl_url=crl_url(settings, ROOT),
        root_ca_url=ca_url(settings, ROOT),
        issuing_public=elsewhere.public_key if elsewhere else None,
    )
    home_module.write_trust_anchors(folder, [made.root])
    home_module.write_settings(folder, settings)
    async with office(folder, create=True) as opened:
        room = await strongroom(opened, issuing_key=issuing_key)
        if key.startswith(_POST_QUANTUM):
            await _add_transport(opened, room)
        event = AuthorityMade(home_module.fingerprint(made.root), home_module.fingerprint(made.issuing))
        async with opened.database.write() as tx:
            await journal.record(tx, event, now=now, actor=operator_actor())
        sequencer = await open_sequencer(opened, room.gate)
        if found := await sequencer.advance():
            raise Misconfigured(f"journal.checkpoint_file is another journal's: {found}; choose another file")
        room.gate.succeeded()
        await room.own_certificate.turn()
        await room.publisher.publish_all()
        await sequencer.advance()


async def _add_transport(opened: Office, room: Strongroom) -> None:
    """Have a CA of its own issue this server's certificate: TLS does not know ML-DSA before OpenSSL 3.5."""
    rotation = Rotation(opened.database, opened.clock, room.succession, actor=operator_actor())
    await rotation.add(TRANSPORT, NewKey("ec-p256"), own_root=True)
    roots = [standing for standing in room.authorities.all() if standing.is_root]
    home_module.write_trust_anchors(opened.home, [root.certificate.certificate for root in roots])


def _print_addresses(opened: Office) -> None:
    shown = opened.places
    click.echo(f"ACME directory  {shown.acme_directory}")
    click.echo(f"EST             {shown.est_url}")
    click.echo(f"repository      {opened.settings.repository}")
    click.echo(f"trust anchor    {shown.ca_bundle}")
    click.echo("ready")
    sys.stdout.flush()


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")

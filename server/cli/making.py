"""The command that makes a home."""

from __future__ import annotations

import asyncio
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
from server import home as home_module
from server import settings as settings_module
from server.assembly import AUTHORITY, Strongroom, strongbox, strongroom
from server.cli.shared import operator_actor
from server.journaling import open_sequencer
from server.office import Office, office
from server.own_places import ca_url, crl_url
from server.setting_tables import Acme
from server.settings import Settings, read_secret

KEY_KINDS: tuple[KeyKind, ...] = get_args(KeyKind)
DEFAULT_PORT = 8443
_POST_QUANTUM = "ml-dsa"
_LOOPBACK = ("127.0.0.0/8", "::1/128")
_DEVELOPMENT_ONLY = "rsa-2048"


@click.command()
@click.option("--host", default="localhost", show_default=True, help="The name under which others reach it.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="The first of four consecutive ports.")
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
    first = first_settings(host, port, development=development)
    asyncio.run(make_home(home, first, key, assignments, issuing_key=issuing_key))
    click.echo(f"{home} is made; register a subscriber and serve it: soapstone --home {home} serve")


def first_settings(host: str, port: int, *, development: bool) -> Settings:
    """What `init` and `up` write, before `--set` changes it."""
    return Settings(
        host=host,
        port=port,
        listen="127.0.0.1" if host == "localhost" else "0.0.0.0",  # noqa: S104  # a server for everybody
        development=development,
        acme=Acme(probe_networks=_LOOPBACK if development else ()),
    )


async def make_home(
    home: Path, first: Settings, key: KeyKind, assignments: tuple[str, ...], *, issuing_key: str | None = None
) -> None:
    """Make a home, whole or not at all.

    Raises:
        Misconfigured: something is in the way, or an assignment makes no sense.
    """
    home_module.refuse_existing(home)
    settings = settings_module.with_assignments(first, assignments)
    require_serious(key, settings)
    with home_module.staging(home) as folder:
        home_module.lay_out(folder)
        await _fill_home(folder, settings, key, issuing_key)


def require_serious(key: KeyKind | None, settings: Settings) -> None:
    """Let only a kind of key pass that a CA may have for years.

    Raises:
        Misconfigured: it is for trying things out.
    """
    if key == _DEVELOPMENT_ONLY and not settings.development:
        raise Misconfigured("rsa-2048 is for --development only; choose ec-p256, or rsa-3072 and longer")


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

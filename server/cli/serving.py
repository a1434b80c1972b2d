"""Commands that serve a home."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from server import example, serving, supervising
from server import home as home_module
from server import settings as settings_module
from server.cli import first_officer
from server.cli.making import DEFAULT_PORT, KEY_KINDS, first_settings, make_home
from server.cli.shared import called, operator_actor
from server.log import log_to_stderr
from server.office import Office
from server.own_places import places
from server.settings import Settings


@click.command()
@click.option("--workers", "count", default=1, show_default=True, help="Processes; more than one need PostgreSQL.")
@click.option("--as-worker", is_flag=True, hidden=True)
@click.pass_obj
def serve(home: Path, count: int, *, as_worker: bool) -> None:
    """Serve in the foreground until SIGTERM."""
    log_to_stderr(as_one_of_several=count != 1)
    if count != 1 and not as_worker:
        asyncio.run(supervising.supervise(home, count, lambda: _print_addresses(home, settings_module.load(home))))
        return

    async def ready(opened: Office) -> None:
        if as_worker:
            click.echo(supervising.READY)
            sys.stdout.flush()
        else:
            _print_addresses(home, opened.settings)

    asyncio.run(serving.serve(home, ready, crew=count if as_worker else 0))


@click.command()
@click.option("--host", default="localhost", show_default=True, help="As for init.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="As for init.")
@click.pass_obj
def up(home: Path, host: str, port: int) -> None:
    """Make a home if there is none, serve it, and show a first certificate."""
    home_module.move_into_place(home)
    if not (home / settings_module.FILE_NAME).exists():
        settings = first_settings(host, port, development=True)
        assignments = (f"acme.http_01_port={example.HTTP_01_PORT}",)
        asyncio.run(make_home(home, settings, KEY_KINDS[0], assignments))
    log_to_stderr()

    async def ready(opened: Office) -> None:
        if not await opened.staff.officers.every():
            click.echo(await first_officer.take_on_and_explain(opened))
        if not await opened.desk.every():
            click.echo(await example.register_and_explain(opened, actor=operator_actor()))
        else:
            click.echo(
                f"# Sheets are shown once. Another one, which voids the one before: {called(home)} sheet ACCOUNT\n"
            )
        _print_addresses(home, opened.settings)

    asyncio.run(serving.serve(home, ready))


def _print_addresses(home: Path, settings: Settings) -> None:
    shown = places(home, settings)
    click.echo(f"ACME directory  {shown.acme_directory}")
    click.echo(f"EST             {shown.est_url}")
    click.echo(f"portal          {shown.portal_url}")
    click.echo(f"RA desk         {settings.desk}")
    click.echo(f"repository      {settings.repository}")
    click.echo(f"trust anchor    {shown.ca_bundle}")
    click.echo(supervising.READY)
    sys.stdout.flush()

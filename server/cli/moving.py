"""The command that brings a store up to date, and moves it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from ca_core.store.migrate import migrate as apply_migrations
from server.cli.shared import in_office, operator_actor
from server.moving import move_store
from server.office import Office, migrations


@click.command()
@click.option("--to", "url", metavar="URL", help="Move the store there, sqlite:FILE or postgresql://..., and prove it.")
@click.pass_obj
def migrate(home: Path, url: str | None) -> None:
    """Bring the database's schema up to date (`serve` does it too), or move it."""
    if url is not None:
        asyncio.run(move_store(home, url, actor=operator_actor(), tell=click.echo))
        click.echo(
            f"store.url is {url} now. The old database was left as it is, for you to look at; it knows nothing of what"
            " happens from now on: never serve it again, and remove it when you need it no more."
        )
        return

    async def do(office: Office) -> int:
        # Opening the office has applied what was missing; this asks again and so proves that nothing is.
        return len(await apply_migrations(office.database, migrations(), now=office.clock.now()))

    in_office(home, do)
    click.echo("the database is up to date")

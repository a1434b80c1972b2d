"""Commands that put a home into one file and take it out again."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path

import click

from ca_core.errors import Misconfigured
from ca_core.store.database import SCHEME
from server import home as home_module
from server import settings as settings_module
from server.assembly import Office
from server.cli.shared import in_office
from server.home import TRUST_ANCHOR

_KEPT = (settings_module.FILE_NAME, TRUST_ANCHOR, "authority", "secrets")
"""Beside the database; this server's own TLS certificate is made again."""


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def backup(home: Path, file: Path) -> None:
    """Write the whole home to FILE while the server goes on; it holds keys and their passphrase."""

    async def do(office: Office) -> None:
        database = office.settings.store.url.removeprefix(SCHEME)
        with tempfile.TemporaryDirectory(dir=home) as folder:
            copy = Path(folder) / "copy.db"
            await office.database.backup(copy)
            _pack(file, home, {database: copy, **{name: home / name for name in _KEPT}})

    in_office(home, do)
    click.echo(f"{file} holds the home; keep it like a key: it opens the CA")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def restore(home: Path, file: Path) -> None:
    """Make a home from FILE, which `backup` wrote; no home may be there yet."""
    home_module.refuse_existing(home)
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tarfile.open(file) as archive:
            archive.extractall(home, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise Misconfigured(f"cannot restore {home} from {file}: {error}") from None
    click.echo(f"{home} is restored; check it: soapstone --home {home} doctor")


def _pack(file: Path, home: Path, members: dict[str, Path]) -> None:
    try:
        file.touch(mode=0o600, exist_ok=False)
        with tarfile.open(file, "w:gz") as archive:
            for name, path in members.items():
                archive.add(path, arcname=name)
    except FileExistsError:
        raise Misconfigured(f"{file} exists already and is not overwritten; choose another name") from None
    except OSError as error:
        raise Misconfigured(f"cannot write {home} to {file}: {error}") from None

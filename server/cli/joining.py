"""The command that makes another server's home."""

from __future__ import annotations

import tarfile
from pathlib import Path

import click
import msgspec

from ca_core.errors import Misconfigured
from ca_core.files import replace, sync_all
from ca_core.store.opening import SQLITE
from server import home as home_module
from server import settings as settings_module
from server.archive import unpack
from server.assembly import strongroom
from server.cli.backup import HANDED_OVER
from server.cli.shared import in_office
from server.fellows import require_alike
from server.journaling import checkpoint_path
from server.office import Office
from server.settings import FILE_NAME, Settings


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="A setting that differs here.")
@click.pass_obj
def join(home: Path, file: Path, assignments: tuple[str, ...]) -> None:
    """Make the home of another server of the same store from FILE, which backup --for-another-server wrote."""
    home_module.refuse_existing(home)
    try:
        with home_module.staging(home) as folder:
            unpack(file, folder)
            (folder / "tls").mkdir(mode=0o700)
            settings = _settings(folder, assignments)
            (folder / FILE_NAME).unlink()
            home_module.write_settings(folder, settings)
            _keep_checkpoint(folder, home, settings)
            sync_all(folder)
    except (OSError, tarfile.TarError) as error:
        raise Misconfigured(f"cannot make {home} from {file}: {error}") from None
    in_office(home, _prove)
    click.echo(f"{home} is another server of the same store; serve it: soapstone --home {home} serve")


def _settings(folder: Path, assignments: tuple[str, ...]) -> Settings:
    """The other server's settings with what differs here; under whatever name this one is, both say the same URLs.

    Raises:
        Misconfigured: there are none, they make no sense, or their store has one server.
    """
    given = settings_module.load(folder)
    changed = settings_module.with_assignments(given, assignments)
    if changed.store.url.startswith(SQLITE):
        raise Misconfigured("an SQLite store has one server; move it to PostgreSQL first (store.url)")
    return msgspec.structs.replace(
        changed,
        public_url=changed.public_url or given.public,
        est_url=changed.est_url or given.est_base,
        repository_url=changed.repository_url or given.repository,
    )


def _keep_checkpoint(folder: Path, home: Path, settings: Settings) -> None:
    """Put the other server's newest checkpoint where this one looks for its own, if there is none."""
    handed_over, place = folder / HANDED_OVER, checkpoint_path(home, settings)
    if handed_over.exists() and not place.exists():
        inside = place.is_relative_to(home)
        target = folder / place.relative_to(home) if inside else place
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace(target, handed_over.read_bytes(), mode=0o644)
    handed_over.unlink(missing_ok=True)


async def _prove(office: Office) -> None:
    """Open everything that serving opens: what is missing is said now, and not by a server that does not come up."""
    await require_alike(office)
    (await strongroom(office)).require_fit()

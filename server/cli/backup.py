"""Commands that put a home into one file and take it out again."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path

import click

from ca_core.audit import journal
from ca_core.audit.event import BackupMade, Event, HomeRestored
from ca_core.audit.gate import Gate
from ca_core.errors import Misconfigured
from ca_core.files import sync_all
from ca_core.issuance.key_files import key_files
from ca_core.store.opening import SQLITE
from server import home as home_module
from server import settings as settings_module
from server.archive import pack, unpack
from server.cli.shared import in_office, operator_actor
from server.home import TRUST_ANCHOR
from server.journaling import checkpoint_path, open_sequencer
from server.office import Office

_KEPT = (settings_module.FILE_NAME, TRUST_ANCHOR, "authority", "secrets")
"""Beside the database and what is named elsewhere; this server's own TLS certificate is made again."""
HANDED_OVER = "journal/handed-over"
"""The newest checkpoint, among what another server gets."""
_FILE = "file:"


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--for-another-server", is_flag=True, help="Without the store, which both share; for: soapstone join.")
@click.pass_obj
def backup(home: Path, file: Path, *, for_another_server: bool) -> None:
    """Write the whole home to FILE while the server goes on; it holds keys and their passphrase."""

    async def do(office: Office) -> None:
        if for_another_server:
            await _hand_over(office, file)
            return
        settings = office.settings
        if not settings.store.url.startswith(SQLITE):
            raise Misconfigured("the store is in PostgreSQL: back it up with its own means, and the home as files")
        database = settings.store.url.removeprefix(SQLITE)
        await _record(office, BackupMade(file=str(file)))
        with tempfile.TemporaryDirectory(dir=home) as folder:
            copy = Path(folder) / "copy.db"
            # Without the checkpoint file: one that came back in step could not tell that what came back is old.
            members = {database: copy, **{name: home / name for name in _KEPT}}
            await office.database.backup(copy)
            members = await _named_files(office) | members
            _pack(file, home, members)

    in_office(home, do)
    click.echo(f"{file} holds the home; keep it like a key: it opens the CA")


async def _hand_over(office: Office, file: Path) -> None:
    """Write what another server of the same store needs; of its own it makes its TLS and responders' certificates."""
    if not office.database.is_shared:
        raise Misconfigured("an SQLite store has one server; move it to PostgreSQL first (store.url)")
    await _record(office, BackupMade(file=str(file)))
    members = {name: office.home / name for name in _KEPT}
    checkpoint = checkpoint_path(office.home, office.settings)
    if checkpoint.is_file():
        # The store is the one that it vouches for, and goes on meanwhile: what is handed over is older, and true.
        members[HANDED_OVER] = checkpoint
    _pack(file, office.home, await _named_files(office) | members)


@click.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--acknowledge", is_flag=True, help="Go on with an older database than the last checkpoint knows.")
@click.pass_obj
def restore(home: Path, file: Path | None, *, acknowledge: bool) -> None:
    """Make a home from FILE, or go on after an older database was put back."""
    if (file is None) is not acknowledge:
        raise click.UsageError("give the FILE that backup wrote, or --acknowledge, and not both")
    if file is None:
        _acknowledge(home)
        return
    home_module.refuse_existing(home)
    try:
        with home_module.staging(home) as folder:
            unpack(file, folder)
            _drop_checkpoint(folder, home)
            sync_all(folder)
    except (OSError, tarfile.TarError) as error:
        raise Misconfigured(f"cannot restore {home} from {file}: {error}") from None
    in_office(home, lambda office: _begin_again(office, file))
    command = f"soapstone --home {home}"
    click.echo(
        f"{home} is restored, as it was when {file} was written. It can be served, but issues no certificates yet:\n"
        f"1. look where it ends, and find out what is lost, revocations above all: {command} journal list\n"
        f"2. revoke again what was revoked since then: {command} revoke ...\n"
        f"3. say that it is known: {command} restore --acknowledge\n"
        f"4. check the home: {command} doctor"
    )


def _acknowledge(home: Path) -> None:
    async def do(office: Office) -> str:
        sequencer = await open_sequencer(office, Gate())
        event = await sequencer.acknowledge(actor=operator_actor())
        return f"{event.found}; this is recorded, and the journal goes on from position {event.position}"

    click.echo(f"acknowledged: {in_office(home, do)}")


async def _record(office: Office, event: Event) -> None:
    async with office.database.write() as tx:
        await journal.record(tx, event, now=office.clock.now(), actor=operator_actor())


async def _named_files(office: Office) -> dict[str, Path]:
    """The files of the home that settings and CAs name, by their names in it, as far as no kept folder holds them."""
    home, settings = office.home, office.settings
    references = (settings.authority.passphrase, settings.authority.pin, settings.credentials.key, settings.journal.key)
    files = [home / reference.removeprefix(_FILE) for reference in references if reference.startswith(_FILE)]
    files += [home / settings.keys.blocklist, home / settings.agreement.file]
    files += [home / label.trust_anchors for label in settings.est.labels.values() if label.trust_anchors]
    async with office.database.read() as tx:
        files += await key_files(tx, home)
    found = {_name_in_home(file, home): file for file in files}
    return {name: file.resolve() for name, file in found.items() if name and name.partition("/")[0] not in _KEPT}


def _name_in_home(file: Path, home: Path) -> str:
    """What a file is called in the home; nothing where it is kept elsewhere, also by a link, or is not there."""
    try:
        real = file.resolve()
        if not real.is_file() or not real.is_relative_to(home.resolve()):
            return ""
    except (OSError, RuntimeError, ValueError):  # it cannot be looked at, links go round, it is no path at all
        return ""
    # As it is named, so that a link is found again under its own name; unless that leads out of the home and back.
    is_plain = file.is_relative_to(home) and ".." not in file.relative_to(home).parts
    return str(file.relative_to(home) if is_plain else real.relative_to(home.resolve()))


async def _begin_again(office: Office, file: Path) -> None:
    """Record the restore, and chain it: a journal in its chain without a checkpoint outside waits for its operator."""
    await _record(office, HomeRestored(file=str(file)))
    await (await open_sequencer(office, Gate())).chain()


def _drop_checkpoint(folder: Path, home: Path) -> None:
    """Remove the checkpoint that an earlier version's backup holds."""
    home = home.resolve()
    file = checkpoint_path(home, settings_module.load(folder)).resolve()
    if file.is_relative_to(home):
        (folder / file.relative_to(home)).unlink(missing_ok=True)


def _pack(file: Path, home: Path, members: dict[str, Path]) -> None:
    try:
        pack(file, members)
    except FileExistsError:
        raise Misconfigured(f"{file} exists already and is not overwritten; choose another name") from None
    except OSError as error:
        raise Misconfigured(f"cannot write {home} to {file}: {error}") from None

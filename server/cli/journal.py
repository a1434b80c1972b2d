"""Commands for auditors: proving the journal and reading it."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from ca_core.audit import checkpoint as checkpoint_module
from ca_core.audit.checkpoint import Checkpoint
from ca_core.audit.gate import Gate
from ca_core.audit.sequencer import ACKNOWLEDGE
from ca_core.audit.verification import Proven, verify
from ca_core.clock import rfc3339
from ca_core.errors import Busy, Misconfigured
from ca_core.store import journal as store
from ca_core.store.journal import Filter, Listed
from server.cli.certificates import serial_in_hex
from server.cli.shared import Moment, echo_json, in_office, json_option
from server.journaling import open_checkpoint_file, open_key, open_sequencer
from server.office import Office

_PAGE = 1000


@click.group()
def journal() -> None:
    """The journal: proving it and reading it."""


@journal.command("verify")
@click.option(
    "--checkpoint",
    "noted",
    multiple=True,
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="A copy of the checkpoint file that was taken earlier; may be repeated.",
)
@json_option
@click.pass_obj
def prove(home: Path, noted: tuple[Path, ...], *, as_json: bool) -> None:
    """Prove every row against the chain and the checkpoints, or name the first bad one."""

    async def do(office: Office) -> tuple[Proven, str]:
        key = await open_key(office)
        found = await _chain_the_newest(office)
        outside = (await open_checkpoint_file(office)).read()
        known = [*([outside] if outside else []), *map(_read, noted)]
        # The proof first: it can name the row.
        proven = await verify(office.database, key.public, known)
        if found:
            raise Misconfigured(found)
        return proven, key.public.fingerprint

    proven, fingerprint = in_office(home, do)
    if as_json:
        echo_json({"rows": proven.rows, "position": proven.rows, **msgspec.to_builtins(proven), "key": fingerprint})
        return
    click.echo(
        f"the journal is whole: {proven.rows} rows, last position {proven.rows}, hash {proven.hash},"
        f" {proven.checkpoints} checkpoints, key {fingerprint}"
    )


@journal.command("key")
@click.pass_obj
def show_key(home: Path) -> None:
    """Print the public key that proves checkpoints, in PEM."""
    click.echo(in_office(home, open_key).public.pem, nl=False)


@journal.command("list")
@click.option("--account", help="Only what concerns this account.")
@click.option("--serial", help="Only what concerns the certificate with this serial (hex).")
@click.option("--since", type=Moment(), help="Only from this time on, such as 2027-01-24 or 2027-01-24T15:00:00Z.")
@json_option
@click.pass_obj
def show_rows(home: Path, account: str | None, serial: str | None, since: int | None, *, as_json: bool) -> None:
    """List what happened, in the order of the chain."""

    async def do(office: Office) -> None:
        registration = await office.desk.show(account) if account else None
        wanted = Filter(registration.id if registration else None, serial_in_hex(serial) if serial else None, since)
        first, last = True, None
        while True:
            async with office.database.read() as tx:
                rows = await store.listed(tx, wanted, last, most=_PAGE)
            if not rows:
                break
            for row in rows:
                _echo(row, as_json=as_json, first=first)
                first = False
            last = rows[-1]
        if as_json:
            click.echo("[]" if first else "\n]")

    in_office(home, do)


async def _chain_the_newest(office: Office) -> str:
    """Take a turn of the sequencer; return what stands against it."""
    try:
        found = await (await open_sequencer(office, Gate())).advance()
    except (Busy, Misconfigured) as error:
        return str(error)
    return f"{found}; {ACKNOWLEDGE}" if found else ""


def _echo(row: Listed, *, as_json: bool, first: bool) -> None:
    """One row; as JSON it is an element of an array that is never held whole."""
    if not as_json:
        place = "-" if row.position is None else row.position
        click.echo(f"{place}  {rfc3339(row.at)}  {row.event}  {row.actor}  {row.serial or '-'}  {row.detail}")
        return
    shown = {**msgspec.to_builtins(row), "at": rfc3339(row.at), "detail": msgspec.json.decode(row.detail)}
    click.echo(("[\n" if first else ",\n") + msgspec.json.encode(shown).decode(), nl=False)


def _read(path: Path) -> Checkpoint:
    found = checkpoint_module.read(path.read_text("ascii", "replace"))
    if found is None:
        raise Misconfigured(f"{path} is not a checkpoint of a journal; give a copy of the checkpoint file")
    return found

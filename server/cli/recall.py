"""Having certificates replaced before their time."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import click
import msgspec

from ca_core.revocation.bulk import BulkRevocation
from ca_core.revocation.reason import Reason
from ca_core.revocation.recall import Recall
from server.cli.revocations import note_option
from server.cli.selecting import Conditions, resolved, selecting, selector_from
from server.cli.shared import echo_json, in_office, json_option, operator_actor
from server.office import Office


class _Done(msgspec.Struct, frozen=True):
    """What a run changed; `unknown` are listed serials that are no live certificates."""

    recalled: int
    unknown: tuple[str, ...]


@click.command()
@selecting
@click.option("--undo", is_flag=True, help="Take a recall back.")
@note_option
@json_option
@click.pass_obj
def recall(home: Path, note: str, *, undo: bool, as_json: bool, **conditions: Unpack[Conditions]) -> None:
    """Have every live certificate that meets all conditions replaced now, before it is revoked.

    Their renewal windows open at once, at every door, and clients that ask for renewal information (RFC 9773) are told
    that they are late. Nothing is revoked: do that when `certificates` shows them replaced, or when it cannot wait.
    """
    selector = selector_from(conditions)

    async def do(office: Office) -> _Done:
        wanted = await resolved(office, selector)
        # Which certificates are live is the same question, whatever is to become of them.
        found = await BulkRevocation(office.database, office.clock).find(wanted, Reason.SUPERSEDED)
        run = Recall(office.database, office.clock).run(
            found.certificates, wanted, actor=operator_actor(), note=note, undo=undo
        )
        return _Done(await run, found.unknown)

    done = in_office(home, do)
    if as_json:
        echo_json(done)
        return
    click.echo(f"{done.recalled} are {'not recalled any more' if undo else 'recalled; their clients may renew now'}")
    for serial in done.unknown:
        click.echo(f"{serial} is no live certificate")

"""Commands about revocation: revoking, holding, releasing."""

from __future__ import annotations

from pathlib import Path

import click

from ca_core.revocation import reason as reason_module
from ca_core.revocation.reason import Reason
from ca_core.revocation.rules import MAY_GIVE, Asker
from ca_core.staff.request import Pending, Revoking
from server.cli.certificates import serial_in_hex
from server.cli.shared import Moment, in_office, operator, operator_actor
from server.office import Office

note_option = click.option("--note", default="", metavar="TEXT", help="Why, for the journal.")
reason_option = click.option(
    "--reason", default="unspecified", show_default=True, help="As in RFC 5280, such as keyCompromise."
)


@click.command()
@click.argument("serial")
@reason_option
@click.option("--invalid-since", type=Moment(), help="Since when it is not to be trusted; the CRL says it.")
@note_option
@click.pass_obj
def revoke(home: Path, serial: str, reason: str, invalid_since: int | None, note: str) -> None:
    """Revoke the certificate with this SERIAL (hex); the CRL follows within a minute.

    The reason certificateHold puts it on hold, where its profile allows that; removeFromCRL releases it again.
    """
    code = reason_module.parse(reason, allowed=MAY_GIVE[Asker.OPERATOR])
    text = serial_in_hex(serial)
    if invalid_since is not None and code in {Reason.CERTIFICATE_HOLD, Reason.REMOVE_FROM_CRL}:
        raise click.UsageError("--invalid-since is for a revocation, not for a hold")
    if code is Reason.REMOVE_FROM_CRL:
        _release(home, text, note)
        return

    async def do(office: Office) -> tuple[str, ...] | Pending:
        if code is Reason.CERTIFICATE_HOLD:
            await office.revocations.hold(text, actor=operator_actor(), note=note)
            return ()
        revoking = Revoking(text, code, invalid_since)
        outcome = await office.staff.approvals.revoke(revoking, actor=operator(), note=note)
        return outcome if isinstance(outcome, Pending) else outcome.serials

    done = in_office(home, do)
    if isinstance(done, Pending):
        click.echo(str(done))
        return
    others = done[1:]
    verb = "on hold" if code is Reason.CERTIFICATE_HOLD else f"revoked ({code.text})"
    click.echo(f"{text} is {verb}; a running server publishes the CRL within a minute")
    for other in others:
        click.echo(f"{other} has the same key and is revoked as well")


@click.command()
@click.argument("serial")
@note_option
@click.pass_obj
def release(home: Path, serial: str, note: str) -> None:
    """Let the certificate with this SERIAL come back from hold."""
    _release(home, serial_in_hex(serial), note)


def _release(home: Path, serial: str, note: str) -> None:
    in_office(home, lambda office: office.revocations.release(serial, actor=operator_actor(), note=note))
    click.echo(f"{serial} is released; it is not on the next CRL, which a running server publishes within a minute")

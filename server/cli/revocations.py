"""Commands about revocation: revoking, holding, releasing, and the requests that wait for an officer."""

from __future__ import annotations

from pathlib import Path

import click

from ca_core.clock import rfc3339
from ca_core.revocation import reason as reason_module
from ca_core.revocation.reason import Reason
from ca_core.revocation.request import RevocationRequest
from ca_core.revocation.rules import MAY_GIVE, Asker
from ca_core.store.certificates import Certificate
from server.assembly import Office
from server.cli.certificates import serial_in_hex
from server.cli.shared import Moment, echo_json, in_office, json_option, operator_actor

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

    async def do(office: Office) -> tuple[str, ...]:
        desk = office.revocations
        if code is Reason.CERTIFICATE_HOLD:
            await desk.hold(text, actor=operator_actor(), note=note)
            return ()
        actor = operator_actor()
        return (await desk.revoke(text, code, actor=actor, invalid_since=invalid_since, note=note)).serials

    others = in_office(home, do)[1:]
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


@click.group(invoke_without_command=True)
@click.option("--all", "every", is_flag=True, help="Also those that are decided.")
@json_option
@click.pass_context
def requests(context: click.Context, *, every: bool, as_json: bool) -> None:
    """List, approve or reject what waits for an officer."""
    if context.invoked_subcommand is None:
        _list(context.obj, every=every, as_json=as_json)


@requests.command("list")
@click.option("--all", "every", is_flag=True, help="Also those that are decided.")
@json_option
@click.pass_obj
def list_requests(home: Path, *, every: bool, as_json: bool) -> None:
    """List what waits, the most urgent first."""
    _list(home, every=every, as_json=as_json)


@requests.command()
@click.argument("number", metavar="ID", type=int)
@note_option
@json_option
@click.pass_obj
def approve(home: Path, number: int, note: str, *, as_json: bool) -> None:
    """Revoke what request ID asks for."""
    revoked = in_office(
        home, lambda office: office.revocations.approve(number, actor=operator_actor(), note=note)
    ).serials
    if as_json:
        echo_json({"request": number, "state": "approved", "revoked": revoked})
        return
    click.echo(f"request {number} is approved; revoked: {', '.join(revoked)}")


@requests.command()
@click.argument("number", metavar="ID", type=int)
@note_option
@json_option
@click.pass_obj
def reject(home: Path, number: int, note: str, *, as_json: bool) -> None:
    """Turn request ID down; what is on hold because of it comes back."""
    request = in_office(home, lambda office: office.revocations.reject(number, actor=operator_actor(), note=note))
    if as_json:
        echo_json({"request": number, "state": "rejected", "released": [request.serial] if request.holds else []})
        return
    click.echo(f"request {number} is rejected" + (f"; {request.serial} is released" if request.holds else ""))


def _release(home: Path, serial: str, note: str) -> None:
    in_office(home, lambda office: office.revocations.release(serial, actor=operator_actor(), note=note))
    click.echo(f"{serial} is released; it is not on the next CRL, which a running server publishes within a minute")


def _list(home: Path, *, every: bool, as_json: bool) -> None:
    async def do(office: Office) -> list[dict[str, object]]:
        accounts = {registration.id: registration.account for registration in await office.desk.every()}
        return [
            _shown(request, await office.revocations.certificate(request.serial), accounts, office.clock.now())
            for request in await office.revocations.requests(every=every)
        ]

    rows = in_office(home, do)
    if as_json:
        echo_json(rows)
        return
    if not rows:
        click.echo("nothing waits")
    for row in rows:
        due = f"{'OVERDUE since' if row['overdue'] else 'due'} {row['due_at']}"
        when = due if row["state"] == "pending" else f"{row['decided_at']} by {row['decided_by']}"
        held = "  on hold" if row["on_hold"] else ""
        click.echo(
            f"{row['request']}  {row['state']}  {when}  {row['serial']}  {row['account']}  {row['reason']}"
            f"  from the {row['asker']}{held}"
        )


def _shown(
    request: RevocationRequest, certificate: Certificate | None, accounts: dict[str, str], now: int
) -> dict[str, object]:
    decided_at = request.decided_at
    return {
        "request": request.number,
        "state": request.state.value,
        "overdue": request.is_overdue(now),
        "due_at": rfc3339(request.due_at),
        "requested_at": rfc3339(request.requested_at),
        "serial": request.serial,
        "account": accounts.get(request.registration_id),
        "profile": certificate.profile if certificate else None,
        "names": certificate.names.splitlines() if certificate else [],
        "on_hold": certificate.is_on_hold if certificate else False,
        "reason": request.reason.text,
        "asker": request.asker.value,
        "actor": request.actor,
        "decided_at": rfc3339(decided_at) if decided_at is not None else None,
        "decided_by": request.decided_by,
        "note": request.note,
    }

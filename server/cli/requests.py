"""Commands about what waits for an officer: revocations that were asked for, and certificates."""

from __future__ import annotations

from pathlib import Path

import click

from ca_core.clock import rfc3339
from ca_core.referral.request import EnrollmentRequest
from ca_core.revocation.request import RevocationRequest
from ca_core.store import registrations, revocation_requests
from ca_core.store.revocation_requests import Target
from server.assembly import Office
from server.cli.shared import echo_json, in_office, json_option, operator_actor

REVOCATION = "revocation"
ENROLLMENT = "enrollment"

_every_option = click.option("--all", "every", is_flag=True, help="Also those that are decided.")
_approve_note_option = click.option("--note", default="", metavar="TEXT", help="Why, for the journal.")
_reject_note_option = click.option(
    "--note", default="", metavar="TEXT", help="Why, for the journal; who asked for a certificate is shown it too."
)
_id_argument = click.argument("number", metavar="ID", type=int)


@click.group(invoke_without_command=True)
@_every_option
@json_option
@click.pass_context
def requests(context: click.Context, *, every: bool, as_json: bool) -> None:
    """List, approve or reject what waits for an officer."""
    if context.invoked_subcommand is None:
        _list(context.obj, every=every, as_json=as_json)


@requests.command("list")
@_every_option
@json_option
@click.pass_obj
def list_requests(home: Path, *, every: bool, as_json: bool) -> None:
    """List what waits, the most urgent first."""
    _list(home, every=every, as_json=as_json)


@requests.command()
@_id_argument
@_approve_note_option
@json_option
@click.pass_obj
def approve(home: Path, number: int, note: str, *, as_json: bool) -> None:
    """Have done what request ID asks for: a certificate issued, or one revoked."""

    async def do(office: Office) -> tuple[dict[str, object], str]:
        actor = operator_actor()
        said: dict[str, object] = {"request": number, "state": "approved"}
        if await office.referrals.request(number) is not None:
            await office.referrals.approve(number, actor=actor, note=note)
            return {**said, "kind": ENROLLMENT}, "a running server issues the certificate within seconds"
        revoked = (await office.revocations.approve(number, actor=actor, note=note)).serials
        return {**said, "kind": REVOCATION, "revoked": revoked}, f"revoked: {', '.join(revoked)}"

    shown, follows = in_office(home, do)
    if as_json:
        echo_json(shown)
        return
    click.echo(f"request {number} is approved; {follows}")


@requests.command()
@_id_argument
@_reject_note_option
@json_option
@click.pass_obj
def reject(home: Path, number: int, note: str, *, as_json: bool) -> None:
    """Turn request ID down; what is on hold because of it comes back."""

    async def do(office: Office) -> tuple[dict[str, object], str]:
        actor = operator_actor()
        said: dict[str, object] = {"request": number, "state": "rejected"}
        if await office.referrals.request(number) is not None:
            await office.referrals.reject(number, actor=actor, note=note)
            return {**said, "kind": ENROLLMENT}, ""
        request = await office.revocations.reject(number, actor=actor, note=note)
        released = [request.serial] if request.holds else []
        return {**said, "kind": REVOCATION, "released": released}, f"; {request.serial} is released" if released else ""

    shown, follows = in_office(home, do)
    if as_json:
        echo_json(shown)
        return
    click.echo(f"request {number} is rejected{follows}")


def _list(home: Path, *, every: bool, as_json: bool) -> None:
    async def do(office: Office) -> list[dict[str, object]]:
        revocations = await office.revocations.requests(every=every)
        enrollments = await office.referrals.requests(every=every)
        async with office.database.read() as tx:
            accounts = await registrations.asking(tx, every=every)
            targets = await revocation_requests.targets(tx, every=every)
        now = office.clock.now()
        found: list[tuple[int, int, dict[str, object]]] = []
        for revocation in revocations:
            shown = _revocation(revocation, targets.get(revocation.serial), accounts, now)
            found.append((revocation.due_at, revocation.number, shown))
        found += [(request.due_at, request.number, _enrollment(request, accounts, now)) for request in enrollments]
        found.sort(key=lambda one: one[1] if every else one[:2])
        return [shown for _, _, shown in found]

    rows = in_office(home, do)
    if as_json:
        echo_json(rows)
        return
    if not rows:
        click.echo("nothing waits")
    for row in rows:
        due = f"{'OVERDUE since' if row['overdue'] else 'due'} {row['due_at']}"
        when = due if row["state"] == "pending" else f"{row['decided_at'] or '-'} by {row['decided_by'] or '-'}"
        click.echo(f"{row['request']}  {row['kind']}  {row['state']}  {when}  {row['account']}  {_what(row)}")


def _what(row: dict[str, object]) -> str:
    """What is asked for, by whom, as a line of the list says it."""
    if row["kind"] == REVOCATION:
        held = "  on hold" if row["on_hold"] else ""
        return f"{row['serial']}  {row['reason']}  from the {row['asker']}{held}"
    names = row["names"]
    named = " ".join(names) if isinstance(names, list) and names else "no names"
    renewing = f"  replaces {row['replaces']}" if row["replaces"] else ""
    note = f"  {row['note']}" if row["note"] else ""
    return f"{row['profile']}  {named}  through {row['door']}{renewing}{note}"


def _revocation(
    request: RevocationRequest, target: Target | None, accounts: dict[str, str], now: int
) -> dict[str, object]:
    return {
        "request": request.number,
        "kind": REVOCATION,
        **_times(request, now),
        "serial": request.serial,
        "account": accounts.get(request.registration_id),
        "profile": target.profile if target else None,
        "names": target.names.splitlines() if target else [],
        "on_hold": target.is_on_hold if target else False,
        "reason": request.reason.text,
        "asker": request.asker.value,
        "actor": request.actor,
    }


def _enrollment(request: EnrollmentRequest, accounts: dict[str, str], now: int) -> dict[str, object]:
    """A request for a certificate, with every member that a revocation's has."""
    return {
        "request": request.number,
        "kind": ENROLLMENT,
        **_times(request, now),
        "serial": request.serial,
        "account": accounts.get(request.registration_id),
        "profile": request.profile,
        "names": request.names.splitlines(),
        "on_hold": False,
        "reason": None,
        "asker": "subscriber",
        "actor": request.applicant.actor,
        "door": request.door.value,
        "replaces": request.replaces,
        "spki_sha256": request.spki_sha256.hex(),
    }


def _times(request: RevocationRequest | EnrollmentRequest, now: int) -> dict[str, object]:
    """What both kinds have of a state."""
    decided_at = request.decided_at
    return {
        "state": request.state.value,
        "overdue": request.is_overdue(now),
        "due_at": rfc3339(request.due_at),
        "requested_at": rfc3339(request.requested_at),
        "decided_at": rfc3339(decided_at) if decided_at is not None else None,
        "decided_by": request.decided_by,
        "note": request.note,
    }

"""Commands about what waits for an officer: revocations that were asked for, and certificates."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from ca_core.clock import rfc3339
from ca_core.errors import NotFound
from ca_core.referral.request import EnrollmentRequest
from ca_core.registration.desk import Form
from ca_core.registration.sheet import Sheet
from ca_core.revocation.request import RevocationRequest
from ca_core.staff.decisions import Decided
from ca_core.staff.request import Amending, DeskAction, DeskRequest, DeskState, Revoking, reprinting
from ca_core.staff.waiting import ENROLLMENT, REVOCATION
from ca_core.store import registrations, revocation_requests
from ca_core.store.revocation_requests import Target
from server.cli.handing_over import Addressee, addressee_of, hand_over, pdf_option
from server.cli.shared import echo_json, in_office, json_option, operator
from server.office import Office

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
    """Agree to request ID; with the last approval it needs, what it asks for is done."""
    decided = in_office(home, lambda office: office.staff.decisions.approve(number, actor=operator(), note=note))
    if as_json:
        revoked = {"revoked": decided.serials} if decided.what == REVOCATION else {}
        echo_json({"request": number, "state": decided.state, "kind": decided.what, **revoked})
        return
    click.echo(_approved(decided))


@requests.command()
@_id_argument
@_reject_note_option
@json_option
@click.pass_obj
def reject(home: Path, number: int, note: str, *, as_json: bool) -> None:
    """Turn request ID down; what is on hold because of it comes back."""
    decided = in_office(home, lambda office: office.staff.decisions.reject(number, actor=operator(), note=note))
    if as_json:
        released = {"released": decided.serials} if decided.what == REVOCATION else {}
        echo_json({"request": number, "state": decided.state, "kind": decided.what, **released})
        return
    released_too = "".join(f"; {serial} is released" for serial in decided.serials)
    click.echo(f"request {number} is rejected{released_too}")


@requests.command()
@_id_argument
@pdf_option
@json_option
@click.pass_obj
def collect(home: Path, number: int, pdf: str | None, *, as_json: bool) -> None:
    """Print the sheet of your request ID, once, after other officers have agreed to it."""

    async def whose(office: Office) -> Addressee:
        asked = await office.staff.approvals.find(number, actor=operator())
        if asked.action is DeskAction.REGISTER:
            form = msgspec.json.decode(asked.payload, type=Form)
            return Addressee(form.subject, form.contact, form.language)
        if asked.action is not DeskAction.REPRINT:
            raise NotFound(f"there is no sheet to collect of request {number}")
        return await addressee_of(office, reprinting(asked.payload).account)

    async def make(office: Office) -> Sheet:
        return await office.staff.approvals.collect(number, actor=operator())

    hand_over(home, whose, make, pdf=pdf, as_json=as_json)


def _approved(decided: Decided) -> str:
    """What comes of an approval, as a line says it."""
    if decided.agreed is not None:
        return str(decided.agreed)
    follows = {
        ENROLLMENT: "a running server issues the certificate within seconds",
        REVOCATION: f"revoked: {', '.join(decided.serials)}",
        DeskAction.REVOKE: "the certificate is revoked",
        DeskAction.AMEND: (
            "what is registered is changed"
            if decided.state == DeskState.DONE
            else "it lapsed, for the registration is not what was looked at; see: soapstone requests --all"
        ),
    }
    who = f"who asked for it collects the sheet: soapstone requests collect {decided.number}"
    return f"request {decided.number} is approved; {follows.get(decided.what, who)}"


def _list(home: Path, *, every: bool, as_json: bool) -> None:
    async def do(office: Office) -> list[dict[str, object]]:
        revocations = await office.revocations.requests(every=every)
        enrollments = await office.referrals.requests(every=every)
        asked_for = await office.staff.approvals.requests(operator(), every=every)
        async with office.database.read() as tx:
            accounts = await registrations.asking(tx, every=every)
            targets = await revocation_requests.targets(tx, every=every)
        now = office.clock.now()
        found: list[tuple[int, int, dict[str, object]]] = []
        for revocation in revocations:
            shown = _revocation(revocation, targets.get(revocation.serial), accounts, now)
            found.append((revocation.due_at, revocation.number, shown))
        found += [(asked.due_at, asked.number, _asked(asked, accounts, now)) for asked in asked_for]
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
        whose = row["account"] or "-"
        click.echo(f"{row['request']}  {row['kind']}  {row['state']}  {when}  {whose}  {_what(row)}")


def _what(row: dict[str, object]) -> str:
    """What is asked for, by whom, as a line of the list says it."""
    if row["kind"] in set(DeskAction):
        granted = row["names"]
        granted = granted if isinstance(granted, list) else []
        changed = row.get("changes")
        changed = changed if isinstance(changed, dict) else {}
        told = (f"{field}: {one['was'] or '-'} -> {one['now'] or '-'}" for field, one in changed.items())
        wanted = (row["subscriber"], row["subject"], *granted, *told, row["serial"], row["reason"])
        return "  ".join(str(part) for part in (*wanted, f"from {row['actor']}", row["note"]) if part)
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


def _asked(asked: DeskRequest, accounts: dict[str, str], now: int) -> dict[str, object]:
    """What an officer asked for, with every member that a revocation's request has."""
    revoking = msgspec.json.decode(asked.payload, type=Revoking) if asked.action is DeskAction.REVOKE else None
    form = msgspec.json.decode(asked.payload, type=Form) if asked.action is DeskAction.REGISTER else None
    amending = msgspec.json.decode(asked.payload, type=Amending) if asked.action is DeskAction.AMEND else None
    account = form.account if form else accounts.get(asked.registration_id or "")
    return {
        "request": asked.number,
        "kind": asked.action.value,
        **_times(asked, now),
        "serial": revoking.serial if revoking else None,
        "account": account,
        "subscriber": form.kind if form else None,
        "subject": form.subject if form else None,
        "profile": None,
        "names": [str(grant) for grant in form.grants] if form else [],
        "on_hold": False,
        "reason": revoking.reason.text if revoking else None,
        "asker": "officer",
        "actor": asked.asked_by,
        "needed": asked.needed,
        "changes": {change.field: {"was": change.was, "now": change.now} for change in amending.told}
        if amending
        else {},
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


def _times(request: RevocationRequest | EnrollmentRequest | DeskRequest, now: int) -> dict[str, object]:
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

"""Commands of the RA: registering, sheets, suspending."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import msgspec

from ca_core.clock import rfc3339
from ca_core.registration.account import MAIN, Grant, Registration
from ca_core.registration.contact import Contact
from ca_core.registration.credential import CredentialKind
from ca_core.registration.desk import Form
from ca_core.registration.form import LANGUAGES
from ca_core.registration.sheet import Sheet
from ca_core.staff.request import Pending
from ca_core.store import passwords
from server.cli.form_options import Uses, contact_options, name_options, require_grantable, require_kind, uses_of
from server.cli.handing_over import Addressee, addressee_of, at_once, hand_over, pdf_option
from server.cli.shared import echo_json, in_office, json_option, operator, operator_actor
from server.office import Office


@click.command()
@click.option("--kind", required=True, metavar="KIND", help="The preset of rules, such as person or device.")
@click.option("--subject", required=True, help="Distinguished name (RFC 4514), such as CN=Alice,O=Example,C=TW.")
@click.option("--account", help="The site account on the sheet; drawn when left out.")
@name_options
@click.option("--profile", "profiles", multiple=True, help="A granted profile, the default one first.")
@click.option(
    "--uses", type=Uses(), metavar="N|unlimited", help="How often each machine credential works; by kind when left out."
)
@click.option("--language", default="zh-Hant", show_default=True, type=click.Choice(LANGUAGES))
@contact_options
@click.option("--realm", default=MAIN, show_default=True, help="The registration authority that it belongs to.")
@pdf_option
@json_option
@click.pass_obj
def register(  # noqa: PLR0917  # click hands options over by name
    home: Path,
    kind: str,
    subject: str,
    account: str | None,
    profiles: tuple[str, ...],
    uses: str | int | None,
    language: str,
    pdf: str | None,
    *,
    grants: tuple[Grant, ...],
    contact: dict[str, str],
    realm: str,
    as_json: bool,
) -> None:
    """Register a vetted subscriber and print the password sheet."""
    form = Form(
        kind=kind,
        subject=subject,
        uses=uses_of(uses),
        account=account,
        grants=grants,
        profiles=profiles,
        language=language,
        contact=Contact(**contact),
        realm=realm,
    )

    async def whose(_: Office) -> Addressee:
        return Addressee(form.subject, form.contact, form.language)

    async def make(office: Office) -> Sheet:
        require_kind(office, kind)
        require_grantable(office, profiles)
        made = await office.staff.approvals.register(form, actor=operator())
        return at_once(made if isinstance(made, Pending) else made[1])

    hand_over(home, whose, make, pdf=pdf, as_json=as_json)


@click.command()
@click.argument("account")
@pdf_option
@json_option
@click.pass_obj
def sheet(home: Path, account: str, pdf: str | None, *, as_json: bool) -> None:
    """Make a new sheet for ACCOUNT; it voids the one before at once."""

    async def make(office: Office) -> Sheet:
        return at_once(await office.staff.approvals.reprint(account, actor=operator()))

    _replace(home, account, make, pdf=pdf, as_json=as_json)


@click.command()
@json_option
@click.pass_obj
def registrations(home: Path, *, as_json: bool) -> None:
    """List all registrations."""

    async def do(office: Office) -> list[dict[str, object]]:
        now, found = office.clock.now(), await office.desk.every()
        async with office.database.read() as tx:
            states = await passwords.every_state(tx)
        return [_shown(one, now, *states.get(one.id, (None, None))) for one in found]

    rows = in_office(home, do)
    if as_json:
        echo_json(rows)
        return
    for row in rows:
        click.echo(f"{row['account']}  {row['kind']}  {row['status']}  {row['subject']}")


@click.command()
@click.argument("account")
@json_option
@click.pass_obj
def show(home: Path, account: str, *, as_json: bool) -> None:
    """Show the registration of ACCOUNT."""

    async def do(office: Office) -> dict[str, object]:
        registration = await office.desk.show(account)
        async with office.database.read() as tx:
            standing = await passwords.standing(tx, account)
        state = (standing.kind, standing.suspended_at) if standing else (None, None)
        return _shown(registration, office.clock.now(), *state)

    row = in_office(home, do)
    if as_json:
        echo_json(row)
        return
    for label, value in row.items():
        click.echo(f"{label}: {_in_words(value)}")


@click.command()
@click.argument("account")
@click.pass_obj
def suspend(home: Path, account: str) -> None:
    """Stop ACCOUNT on every door at once."""
    in_office(home, lambda office: office.desk.suspend(account, actor=operator_actor()))
    click.echo(f"{account} is suspended; let it go on with: soapstone resume {account}")


@click.command()
@click.argument("account")
@click.pass_obj
def resume(home: Path, account: str) -> None:
    """Let a suspended ACCOUNT go on."""
    in_office(home, lambda office: office.desk.resume(account, actor=operator_actor()))
    click.echo(f"{account} is active")


@click.command()
@click.argument("account")
@click.pass_obj
def close(home: Path, account: str) -> None:
    """Close ACCOUNT for good; its certificates stay until revoked."""
    in_office(home, lambda office: office.desk.close(account, actor=operator_actor()))
    click.echo(f"{account} is closed; its certificates: soapstone certificates --account {account}")


def _in_words(value: object) -> str:
    match value:
        case list():
            return ", ".join(map(str, value))
        case dict():
            return "; ".join(f"{field}: {text}" for field, text in value.items() if text)
        case None:
            return "unlimited"
        case _:
            return str(value)


def _password(kind: CredentialKind | None, suspended_at: int | None) -> str:
    """Where the password for the portal stands; what is suspended needs a new sheet (RULES, S5)."""
    if kind is None:
        return "none"
    if suspended_at is not None:
        return "suspended"
    return "chosen" if kind is CredentialKind.CHOSEN_PASSWORD else "initial"


def _replace(
    home: Path, account: str, make: Callable[[Office], Awaitable[Sheet]], *, pdf: str | None, as_json: bool
) -> None:
    hand_over(home, lambda office: addressee_of(office, account), make, pdf=pdf, as_json=as_json)


def _shown(
    registration: Registration, now: int, password: CredentialKind | None, suspended_at: int | None
) -> dict[str, object]:
    return {
        "account": registration.account,
        "kind": registration.kind,
        "status": registration.status_at(now).value,
        "subject": registration.subject,
        "names": [str(grant) for grant in registration.grants],
        "profiles": list(registration.profiles),
        "sheet": registration.sheet,
        "uses": registration.uses,
        "eab_uses": registration.eab_uses,
        "language": registration.language,
        "contact": msgspec.structs.asdict(registration.contact),
        "realm": registration.realm,
        "version": registration.version,
        "created_at": rfc3339(registration.created_at),
        "expires_at": rfc3339(registration.expires_at),
        "password": _password(password, suspended_at),
    }

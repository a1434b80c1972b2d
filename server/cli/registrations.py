"""Commands of the RA: registering, sheets, suspending."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import msgspec

from ca_core import names
from ca_core.clock import rfc3339
from ca_core.errors import BadName
from ca_core.names import Identifier
from ca_core.registration.account import Grant, Registration
from ca_core.registration.desk import Form
from ca_core.registration.sheet import Sheet
from server.assembly import Office
from server.cli.handing_over import Addressee, addressee_of, hand_over, pdf_option
from server.cli.naming import a_labels
from server.cli.shared import echo_json, in_office, json_option, operator_actor

_MOST_USES = 1_000_000_000


class Uses(click.ParamType[str | int]):
    """How often a credential works: a number, or `unlimited`."""

    name = "N|unlimited"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> str | int:
        """Turn the word into a number; `unlimited` stays a word, so that an option not given can be told apart."""
        if value == "unlimited":
            return value
        try:
            uses = int(value)
        except ValueError:
            uses = 0
        if not 1 <= uses <= _MOST_USES:
            self.fail(f"{value} is neither a number from 1 to {_MOST_USES} nor `unlimited`", param, ctx)
        return uses


@click.command()
@click.option("--kind", required=True, metavar="KIND", help="The preset of rules, such as person or device.")
@click.option("--subject", required=True, help="Distinguished name (RFC 4514), such as CN=Alice,O=Example,C=TW.")
@click.option("--account", help="The site account on the sheet; drawn when left out.")
@click.option("--dns", multiple=True, metavar="NAME", help="A DNS name; may be repeated, as may those below.")
@click.option("--zone", multiple=True, metavar="ZONE", help="Every DNS name below ZONE.")
@click.option("--ip", multiple=True, metavar="ADDRESS", help="An IP address.")
@click.option("--email", multiple=True, metavar="MAILBOX", help="An e-mail address.")
@click.option("--device-id", multiple=True, metavar="ID", help="A permanent identifier; nothing can challenge it.")
@click.option("--profile", "profiles", multiple=True, help="A granted profile, the default one first.")
@click.option("--challenged", is_flag=True, help="Names are proved by challenge at each order, not vetted.")
@click.option("--uses", type=Uses(), help="How often each machine credential works; by kind when left out.")
@click.option("--language", default="zh-Hant", show_default=True, type=click.Choice(["zh-Hant", "en"]))
@pdf_option
@json_option
@click.pass_obj
def register(  # noqa: PLR0917  # click hands options over by name; one each, as the contract has them
    home: Path,
    kind: str,
    subject: str,
    account: str | None,
    dns: tuple[str, ...],
    zone: tuple[str, ...],
    ip: tuple[str, ...],
    email: tuple[str, ...],
    device_id: tuple[str, ...],
    profiles: tuple[str, ...],
    uses: str | int | None,
    language: str,
    pdf: str | None,
    *,
    challenged: bool,
    as_json: bool,
) -> None:
    """Register a vetted subscriber and print the password sheet."""
    vetted = not challenged
    grants = [
        *(Grant(names.dns(a_labels(name)), vetted=vetted) for name in dns),
        *(Grant(_zone(name), zone=True, vetted=vetted) for name in zone),
        *(Grant(names.ip(address), vetted=vetted) for address in ip),
        *(Grant(names.email(mailbox), vetted=vetted) for mailbox in email),
        *(Grant(names.permanent(identifier)) for identifier in device_id),
    ]
    form = Form(
        kind=kind,
        subject=subject,
        uses=_uses(uses),
        account=account,
        grants=tuple(dict.fromkeys(grants)),
        profiles=profiles,
        language=language,
    )

    async def whose(_: Office) -> Addressee:
        return Addressee(form.subject, form.contact, form.language)

    async def make(office: Office) -> Sheet:
        _require_grantable(office, profiles)
        _, sheet = await office.desk.register(form, actor=operator_actor())
        return sheet

    hand_over(home, whose, make, pdf=pdf, as_json=as_json)


@click.command()
@click.argument("account")
@pdf_option
@json_option
@click.pass_obj
def sheet(home: Path, account: str, pdf: str | None, *, as_json: bool) -> None:
    """Make a new sheet for ACCOUNT; it voids the one before at once."""
    _replace(
        home, account, lambda office: office.desk.new_sheet(account, actor=operator_actor()), pdf=pdf, as_json=as_json
    )


@click.command()
@json_option
@click.pass_obj
def registrations(home: Path, *, as_json: bool) -> None:
    """List all registrations."""

    async def do(office: Office) -> list[dict[str, object]]:
        now = office.clock.now()
        return [_shown(registration, now) for registration in await office.desk.every()]

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
        return _shown(await office.desk.show(account), office.clock.now())

    row = in_office(home, do)
    if as_json:
        echo_json(row)
        return
    for label, value in row.items():
        click.echo(f"{label}: {', '.join(map(str, value)) if isinstance(value, list) else value}")


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


@click.command("renew-registration")
@click.argument("account")
@pdf_option
@json_option
@click.pass_obj
def renew_registration(home: Path, account: str, pdf: str | None, *, as_json: bool) -> None:
    """Renew the vetting of ACCOUNT, and print a new sheet."""
    _replace(
        home,
        account,
        lambda office: office.desk.renew_registration(account, actor=operator_actor()),
        pdf=pdf,
        as_json=as_json,
    )


def _zone(name: str) -> Identifier:
    zone = names.dns(a_labels(name))
    if zone.is_wildcard:
        raise BadName(
            f"{name!r} is a wildcard; --zone {name[2:]} grants every name below it, --dns {name} the wildcard"
        )
    return zone


def _uses(uses: str | int | None) -> int | msgspec.UnsetType | None:
    if uses is None:
        return msgspec.UNSET
    return uses if isinstance(uses, int) else None


def _require_grantable(office: Office, profiles: tuple[str, ...]) -> None:
    grantable = [name for name, profile in office.profiles.items() if profile.is_grantable]
    for name in profiles:
        if name not in grantable:
            raise click.UsageError(f"there is no profile {name!r}; choose among {', '.join(grantable)}")


def _replace(
    home: Path, account: str, make: Callable[[Office], Awaitable[Sheet]], *, pdf: str | None, as_json: bool
) -> None:
    hand_over(home, lambda office: addressee_of(office, account), make, pdf=pdf, as_json=as_json)


def _shown(registration: Registration, now: int) -> dict[str, object]:
    return {
        "account": registration.account,
        "kind": registration.kind,
        "status": registration.status_at(now).value,
        "subject": registration.subject,
        "names": [str(grant) for grant in registration.grants],
        "profiles": list(registration.profiles),
        "sheet": registration.sheet,
        "created_at": rfc3339(registration.created_at),
        "expires_at": rfc3339(registration.expires_at),
    }

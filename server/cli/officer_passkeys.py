"""Commands about officers' passkeys: the code for the first one, and the end of a lost one."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from ca_core.clock import rfc3339
from ca_core.registration.passkey import Passkey
from ca_core.staff.officer_passkeys import CODE_HOURS, PasskeyCode
from ca_core.staff.role import Role
from server.cli.officer_certificates import Made
from server.cli.shared import echo_json, in_office, json_option, operator_actor
from server.office import Office
from server.setting_tables import SecondFactor

_MOST_HOURS = 14 * 24


@click.command("passkey-code")
@click.argument("name")
@click.option(
    "--hours", type=click.IntRange(1, _MOST_HOURS), default=CODE_HOURS, show_default=True, help="How long it is good."
)
@json_option
@click.pass_obj
def passkey_code(home: Path, name: str, hours: int, *, as_json: bool) -> None:
    """Make the code with which NAME registers a passkey at the desk, and print it once."""

    async def do(office: Office) -> PasskeyCode:
        return await office.staff.passkeys.give_code(name, actor=operator_actor(), hours=hours)

    made = in_office(home, do)
    text, expires_at = made.code.reveal(), rfc3339(made.expires_at)
    if as_json:
        echo_json({"name": name, "passkey_code": text, "expires_at": expires_at})
        return
    click.echo(said(text, expires_at))


@click.command()
@click.argument("name")
@click.option("--remove", metavar="PASSKEY", help="Remove this one, as the list names it.")
@json_option
@click.pass_obj
def passkeys(home: Path, name: str, remove: str | None, *, as_json: bool) -> None:
    """List the passkeys of NAME; or remove one that is lost, which ends NAME's sessions."""

    async def do(office: Office) -> list[Passkey]:
        if remove is None:
            return await office.staff.passkeys.of(name)
        return await office.staff.passkeys.remove(name, remove, actor=operator_actor())

    found = in_office(home, do)
    if as_json:
        echo_json([_shown(one) for one in found])
        return
    if not found:
        click.echo(f"{name} has no passkey; to register one without showing one: soapstone officer passkey-code {name}")
    for one in found:
        used = "never used" if one.used_at is None else f"last used {rfc3339(one.used_at)}"
        state = used if remove is None else "removed"
        click.echo(f"{one.name}  {one.label}  since {rfc3339(one.created_at)}  {state}")


@click.command("forget-passkeys")
@click.argument("name")
@click.pass_obj
def forget_passkeys(home: Path, name: str) -> None:
    """Remove the passkeys of NAME, who has lost them; NAME registers another one, by code where one is required."""
    count = in_office(home, lambda office: office.staff.passkeys.forget(name, actor=operator_actor()))
    click.echo(f"{name} has no passkey any more; removed: {count}")


async def with_code(office: Office, made: Made) -> Made:
    """Give whoever was taken on the code as well, where the desk lets nobody in without a passkey."""
    if office.settings.officers.passkey is not SecondFactor.REQUIRED or made.role == Role.INTEGRATOR:
        return made
    given = await office.staff.passkeys.give_code(made.name, actor=operator_actor())
    return msgspec.structs.replace(
        made, passkey_code=given.code.reveal(), passkey_code_expires_at=rfc3339(given.expires_at)
    )


def said(code: str, expires_at: str | None) -> str:
    """A code in words."""
    return f"code for a passkey, shown once and good once, until {expires_at}: {code}"


def _shown(one: Passkey) -> dict[str, object]:
    return {
        "passkey": one.name,
        "label": one.label,
        "synced": one.is_synced,
        "created_at": rfc3339(one.created_at),
        "used_at": None if one.used_at is None else rfc3339(one.used_at),
    }

"""Commands about enrollment codes beside those of sheets: more of them, limited, revoked."""

from __future__ import annotations

from pathlib import Path

import click

from ca_core.clock import rfc3339
from ca_core.registration.credential import Credential
from ca_core.registration.eab_desk import EabForm
from ca_core.secret import Secret
from server.cli.form_options import Uses
from server.cli.shared import Moment, echo_json, in_office, json_option, operator_actor
from server.office import Office


@click.group()
def code() -> None:
    """Enrollment codes: more of them, limited, revoked."""


@code.command("list")
@click.argument("account")
@json_option
@click.pass_obj
def list_codes(home: Path, account: str, *, as_json: bool) -> None:
    """List the enrollment codes of ACCOUNT, those of earlier sheets too."""

    async def do(office: Office) -> list[dict[str, object]]:
        now = office.clock.now()
        return [_shown(one, now) for one in await office.code_desk.of_account(account)]

    rows = in_office(home, do)
    if as_json:
        echo_json(rows)
        return
    for row in rows:
        uses = "unlimited" if row["uses_left"] is None else row["uses_left"]
        state = "live" if row["is_live"] else "of no use any more"
        click.echo(f"{row['id']}  {state}  sheet {row['sheet']}  uses left {uses}  until {row['expires_at']}")


@code.command()
@click.argument("account")
@click.option("--uses", type=Uses(), metavar="N|unlimited", help="How often it enrolls; as on the sheet when left out.")
@click.option("--expires", type=Moment(is_until=True), help="Its last day; as long as a sheet when left out.")
@click.option("--network", "networks", multiple=True, metavar="CIDR", help="From where it may be used; repeatable.")
@click.option("--profile", "profiles", multiple=True, help="What it may enroll for; repeatable.")
@click.option("--name", "names", multiple=True, help="For which names; .example.com: all below it; repeatable.")
@json_option
@click.pass_obj
def add(  # noqa: PLR0917  # click hands options over by name
    home: Path,
    account: str,
    uses: str | int | None,
    expires: int | None,
    networks: tuple[str, ...],
    profiles: tuple[str, ...],
    names: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    """Make a further enrollment code for ACCOUNT, and print it once; a new sheet voids it."""

    async def do(office: Office) -> tuple[Credential, Secret]:
        counted = (await office.desk.show(account)).uses if uses is None else uses
        form = EabForm(counted if isinstance(counted, int) else None, expires, networks, profiles, names)
        return await office.code_desk.add(account, form, actor=operator_actor())

    made, secret = in_office(home, do)
    if as_json:
        echo_json({"id": made.id, "enrollment_code": secret.reveal(), "expires_at": rfc3339(made.expires_at)})
        return
    click.echo(f"Enrollment code {secret.reveal()}\nshown once; until {rfc3339(made.expires_at)}, identity {made.id}")


@code.command()
@click.argument("code_id", metavar="ID")
@click.pass_obj
def revoke(home: Path, code_id: str) -> None:
    """Stop the code ID, as listed; what it brought renews itself no more."""

    async def do(office: Office) -> None:
        await office.code_desk.revoke(code_id, actor=operator_actor())

    in_office(home, do)
    click.echo(f"the enrollment code {code_id} is revoked")


def _shown(one: Credential, now: int) -> dict[str, object]:
    return {
        "id": one.id,
        "sheet": one.sheet,
        "is_live": one.is_live(now),
        "uses_left": one.uses_left,
        "expires_at": rfc3339(one.expires_at),
        "networks": list(one.networks),
        "profiles": list(one.profiles),
        "names": list(one.names),
        "note": one.note,
    }

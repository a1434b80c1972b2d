"""Commands about names that only fail and are paused."""

from __future__ import annotations

from pathlib import Path

import click

from ca_core.clock import rfc3339
from protocols.acme.pauses import Pauses
from protocols.acme.records.failures import Failing
from server.cli.naming import identifier
from server.cli.shared import echo_json, in_office, json_option, operator_actor
from server.office import Office

account_option = click.option("--account", help="Only those of this account.")


@click.group(invoke_without_command=True)
@account_option
@json_option
@click.pass_context
def paused(context: click.Context, account: str | None, *, as_json: bool) -> None:
    """List the names that are paused because their challenges only fail."""
    if context.invoked_subcommand is None:
        _list(context.obj, account, as_json=as_json)


@paused.command("list")
@account_option
@json_option
@click.pass_obj
def list_paused(home: Path, account: str | None, *, as_json: bool) -> None:
    """List them, by account."""
    _list(home, account, as_json=as_json)


@click.command()
@click.argument("account")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every paused name of the account.")
@json_option
@click.pass_obj
def unpause(home: Path, account: str, names: tuple[str, ...], *, every: bool, as_json: bool) -> None:
    """Let ACCOUNT order a paused NAME again."""
    if every == bool(names):
        raise click.UsageError("name what is to be ordered again, or --all")
    wanted = None if every else frozenset(map(identifier, names))

    async def do(office: Office) -> list[Failing]:
        return await Pauses(office.database, office.clock).lift(account, wanted, actor=operator_actor())

    lifted = in_office(home, do)
    if as_json:
        echo_json([_shown(one) for one in lifted])
        return
    for one in lifted:
        click.echo(f"{account} can order {one.identifier.value} again")
    if not lifted:
        click.echo(f"nothing is paused for {account}")


def _list(home: Path, account: str | None, *, as_json: bool) -> None:
    async def do(office: Office) -> list[Failing]:
        if account:
            await office.desk.show(account)
        return await Pauses(office.database, office.clock).every(account)

    found = in_office(home, do)
    if as_json:
        echo_json([_shown(one) for one in found])
        return
    for one in found:
        click.echo(
            f"{one.registered_as}  {one.identifier}  {one.failures} failures from {rfc3339(one.first_at)} to"
            f" {rfc3339(one.last_at)}; soapstone unpause {one.registered_as} {one.identifier.value}"
        )


def _shown(one: Failing) -> dict[str, object]:
    return {
        "account": one.registered_as,
        "acme_account": one.account_id,
        "name": str(one.identifier),
        "failures": one.failures,
        "first_at": rfc3339(one.first_at),
        "last_at": rfc3339(one.last_at),
        "paused_at": rfc3339(one.paused_at),
    }

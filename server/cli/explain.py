"""The command that says why an order would be granted, challenged or refused."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from protocols.acme.explaining import Explainer
from protocols.acme.explanation import Answer, Explanation, Terms, Wanted
from protocols.acme.links import Links
from server import agreement
from server.cli.naming import kind_and_value
from server.cli.shared import echo_json, in_office, json_option
from server.office import Office


@click.command()
@click.argument("account")
@click.argument("name")
@click.option("--profile", help="As an order would name it; the default one when left out.")
@click.option("--acme-account", metavar="ID", help="Which ACME account of ACCOUNT orders; its newest when left out.")
@json_option
@click.pass_obj
def explain(
    home: Path, account: str, name: str, profile: str | None, acme_account: str | None, *, as_json: bool
) -> None:
    """Say why an order of ACCOUNT for NAME would be granted, challenged or refused.

    Ends with 0 when it would be granted or challenged, with 1 when it would be refused.
    """
    wanted = Wanted(*kind_and_value(name), profile)
    # The last part of an account's URL is its id.
    id_ = acme_account.rpartition("/")[2] if acme_account else None

    async def do(office: Office) -> Explanation:
        return await explainer(office).explain(account, wanted, account_id=id_)

    explanation = in_office(home, do)
    if as_json:
        echo_json({"account": account, "name": ":".join(kind_and_value(name)), **_shown(explanation)})
    else:
        _print(explanation)
    sys.exit(1 if explanation.answer is Answer.REFUSED else 0)


def explainer(office: Office) -> Explainer:
    """What explains by the settings of a home."""
    settings = office.settings
    terms = Terms(
        profiles=office.profiles,
        window_days=settings.renewal.window_days,
        limits=settings.limits,
        links=Links(settings.public),
        challenges=settings.acme.challenges,
        agreement=agreement.read(settings.agreement, office.home),
        caa_identities=settings.acme.caa_identities if settings.acme.caa else None,
        open_account=settings.acme.open_account or None,
        kinds=office.kinds,
    )
    return Explainer(office.database, office.clock, terms)


def _shown(explanation: Explanation) -> dict[str, object]:
    shown: dict[str, object] = msgspec.to_builtins(explanation)
    return shown


def _print(explanation: Explanation) -> None:
    for number, step in enumerate(explanation.steps, start=1):
        click.echo(f"{number:2}  {step.about:<12}  {step.result:<7}  {step.text}")
    refusal = explanation.refusal
    if refusal:
        click.echo(f"refused ({refusal.problem}): {refusal.text}")
    else:
        click.echo(explanation.answer)

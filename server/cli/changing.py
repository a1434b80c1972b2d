"""Commands of the RA that change what is registered, and activate sheets."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import Any

import click
import msgspec

from ca_core.registration.account import Grant, Registration
from ca_core.registration.changes import Changes
from ca_core.registration.form import LANGUAGES
from ca_core.registration.sheet import Sheet
from ca_core.staff.request import Pending
from server.cli.form_options import Command, Uses, contact_options, name_options, require_grantable, uses_of
from server.cli.handing_over import Addressee, at_once, hand_over, pdf_option
from server.cli.shared import in_office, json_option, operator, operator_actor
from server.office import Office


class Given(msgspec.Struct, frozen=True):
    """What was given on the command line; None or nothing leaves a field as it is.

    Attributes:
        contact: by the field's name.
        version: the one that the officer has seen.
    """

    grants: tuple[Grant, ...]
    profiles: tuple[str, ...]
    uses: str | int | None
    language: str | None
    contact: dict[str, str]
    version: int | None

    def changes(self, was: Registration) -> Changes:
        """The same as changes of what is registered."""
        return Changes(
            contact=msgspec.structs.replace(was.contact, **self.contact) if self.contact else msgspec.UNSET,
            language=self.language or msgspec.UNSET,
            profiles=self.profiles or msgspec.UNSET,
            uses=uses_of(self.uses),
            grants=self.grants or msgspec.UNSET,
        )


def change_options(command: Command) -> Command:
    """Options for what may be changed, which reach the command as `given`."""

    @wraps(command)
    def with_given(*arguments: object, **options: object) -> None:
        found: dict[str, Any] = {field: options.pop(field) for field in Given.__struct_fields__}
        command(*arguments, given=Given(**found), **options)

    wrapped: Command = with_given
    for option in (
        click.option("--version", type=click.IntRange(min=1), help="Only if it is of this version; `show` says which."),
        contact_options,
        click.option("--language", type=click.Choice(LANGUAGES)),
        click.option(
            "--uses",
            type=Uses(),
            metavar="N|unlimited",
            help="How often each machine credential of the next sheets works.",
        ),
        click.option("--profile", "profiles", multiple=True, help="A granted profile; those given replace all."),
        name_options,
    ):
        wrapped = option(wrapped)
    return wrapped


@click.command()
@click.argument("account")
@change_options
@click.pass_obj
def amend(home: Path, account: str, *, given: Given) -> None:
    """Change what is registered of ACCOUNT; what is not given stays.

    Names, where there are any, replace all that there were. Certificates stay as they are.
    """

    async def do(office: Office) -> Registration | Pending:
        changes = given.changes(await office.desk.show(account))
        require_grantable(office, changes.profiles or ())
        return await office.staff.amendments.amend(account, changes, actor=operator(), version=given.version)

    changed = in_office(home, do)
    if isinstance(changed, Pending):
        click.echo(changed)
        return
    click.echo(f"{account} is of version {changed.version} now; look at it with: soapstone show {account}")


@click.command("renew-registration")
@click.argument("account")
@click.option("--subject", help="The distinguished name, where it is another one now.")
@change_options
@pdf_option
@json_option
@click.pass_obj
def renew_registration(
    home: Path, account: str, pdf: str | None, *, subject: str | None, given: Given, as_json: bool
) -> None:
    """Renew the vetting of ACCOUNT, and print a new sheet.

    What is not given was confirmed to be as it is registered.
    """

    async def changes_of(office: Office) -> tuple[Registration, Changes]:
        registration = await office.desk.show(account)
        changes = given.changes(registration)
        require_grantable(office, changes.profiles or ())
        return registration, changes if subject is None else msgspec.structs.replace(changes, subject=subject)

    async def whose(office: Office) -> Addressee:
        was, changes = await changes_of(office)
        return Addressee(subject or was.subject, changes.contact or was.contact, changes.language or was.language)

    async def make(office: Office) -> Sheet:
        was, changes = await changes_of(office)
        seen = was.version if given.version is None else given.version
        return at_once(await office.staff.approvals.renew(account, changes, actor=operator(), version=seen))

    hand_over(home, whose, make, pdf=pdf, as_json=as_json)


@click.command()
@click.argument("account")
@click.pass_obj
def activate(home: Path, account: str) -> None:
    """Activate the newest sheet of ACCOUNT, where its kind needs it."""
    number = in_office(home, lambda office: office.activations.activate(account, actor=operator_actor()))
    click.echo(f"sheet {number} of {account} is active")

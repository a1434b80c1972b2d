"""Options of a form: names, contact, and how often secrets work; shared by whatever registers or changes it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click
import msgspec

from ca_core.errors import NotFound
from ca_core.registration.account import Grant
from ca_core.registration.vetting import MOST_USES
from server.cli.naming import granted
from server.office import Office

Command = Callable[..., None]
_NAMES = (
    ("--dns", "NAME", "A DNS name; may be repeated, as may those below."),
    ("--zone", "ZONE", "Every DNS name below ZONE."),
    ("--ip", "ADDRESS", "An IP address."),
    ("--email", "MAILBOX", "An e-mail address."),
    ("--device-id", "ID", "A permanent identifier; nothing can challenge it."),
)
_CONTACT = {
    "name": ("--contact-name", "Whom to ask for."),
    "email": ("--contact-email", "Where notices go; in no certificate."),
    "phone": ("--phone", "A telephone number."),
    "address": ("--address", "Of the post."),
    "identity_number": ("--identity-number", "The ID or company number, where the kind asks for one."),
}


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
        if not 1 <= uses <= MOST_USES:
            self.fail(f"{value} is neither a number from 1 to {MOST_USES} nor `unlimited`", param, ctx)
        return uses


def uses_of(uses: str | int | None) -> int | msgspec.UnsetType | None:
    """What the option says: a number, None for no limit, UNSET where it was not given."""
    if uses is None:
        return msgspec.UNSET
    return uses if isinstance(uses, int) else None


def name_options(command: Command) -> Command:
    """Options for registered names, which reach the command as `grants`, each once, in the order of the options."""

    @wraps(command)
    def with_grants(*arguments: object, challenged: bool, **options: object) -> None:
        given: dict[str, Any] = {name: options.pop(name) for name in ("dns", "zone", "ip", "email", "device_id")}
        command(*arguments, grants=_grants(given, vetted=not challenged), **options)

    about = "Names are proved by challenge at each order, not vetted."
    with_grants = click.option("--challenged", is_flag=True, help=about)(with_grants)
    for option, metavar, text in reversed(_NAMES):
        with_grants = click.option(option, multiple=True, metavar=metavar, help=text)(with_grants)
    return with_grants


def contact_options(command: Command) -> Command:
    """Options for the contact, which reach the command as `contact`: what was given, by the field's name."""

    @wraps(command)
    def with_contact(*arguments: object, **options: object) -> None:
        given = {field: options.pop(f"contact_{field}") for field in _CONTACT}
        command(*arguments, contact={field: text for field, text in given.items() if text is not None}, **options)

    for field, (option, text) in reversed(_CONTACT.items()):
        with_contact = click.option(option, f"contact_{field}", metavar="TEXT", help=text)(with_contact)
    return with_contact


def require_kind(office: Office, name: str) -> None:
    """Let only a kind pass of which an officer may register somebody.

    Raises:
        click.UsageError: names the choice.
    """
    try:
        office.kinds.offered(name)
    except NotFound as refusal:
        raise click.UsageError(str(refusal)) from None


def require_grantable(office: Office, profiles: tuple[str, ...]) -> None:
    """Let only profiles pass that there are.

    Raises:
        click.UsageError: names the choice.
    """
    grantable = [name for name, profile in office.profiles.items() if profile.is_grantable]
    for name in profiles:
        if name not in grantable:
            raise click.UsageError(f"there is no profile {name!r}; choose among {', '.join(grantable)}")


def _grants(given: dict[str, tuple[str, ...]], *, vetted: bool) -> tuple[Grant, ...]:
    grants = [
        granted(option.replace("_", "-"), text, vetted=vetted) for option, texts in given.items() for text in texts
    ]
    return tuple(dict.fromkeys(grants))

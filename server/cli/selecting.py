"""Options that select certificates, for commands that do something to many at once."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any, TextIO, TypedDict, TypeVar

import click
import msgspec

from ca_core import names
from ca_core.errors import NotFound
from ca_core.names import Identifier
from ca_core.revocation.selector import Selector
from server.cli.certificates import serial_in_hex
from server.cli.shared import Moment
from server.office import Office

_DIGEST_OCTETS = 32
_Command = TypeVar("_Command", bound=Callable[..., Any])


class Conditions(TypedDict):
    """What the options say; None and the empty text are no conditions."""

    account: str | None
    profile: str | None
    issuer: str | None
    name: str | None
    issued_since: int | None
    issued_until: int | None
    spki: str | None
    serials: TextIO | None


def _filled(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Refuse a condition that is empty: left out, it would select more than was meant."""
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty; give a value, or leave the option out where it is no condition")
    return value


_OPTIONS = (
    click.option("--account", callback=_filled, help="Of this registration."),
    click.option("--profile", callback=_filled, help="Of this profile."),
    click.option("--issuer", callback=_filled, help="Of this issuing CA, as `authority show` names it."),
    click.option(
        "--name",
        metavar="NAME",
        callback=_filled,
        help="With this DNS name, address or mailbox, alone or among others.",
    ),
    click.option("--issued-since", type=Moment(), help="Issued then or later; a date means its first second (UTC)."),
    click.option(
        "--issued-until", type=Moment(is_until=True), help="Issued then or earlier; a date means its last second (UTC)."
    ),
    click.option(
        "--spki",
        metavar="HEX",
        callback=_filled,
        help="With the public key of this SHA-256 (of its SubjectPublicKeyInfo).",
    ),
    click.option("--serials", metavar="FILE", type=click.File(), help="One of these, one serial a line; - is stdin."),
)


def selecting(command: _Command) -> _Command:
    """Give a command the options; it gets them as `Conditions`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def selector_from(conditions: Conditions) -> Selector:
    """What the options select; the account is still to be looked up.

    Raises:
        UsageError: nothing at all.
    """
    name, spki, serials = conditions["name"], conditions["spki"], conditions["serials"]
    selector = Selector(
        account=conditions["account"],
        profile=conditions["profile"],
        issuer=conditions["issuer"],
        name=_name(name) if name is not None else None,
        issued_since=conditions["issued_since"],
        issued_until=conditions["issued_until"],
        spki_sha256=_digest(spki) if spki is not None else None,
        serials=_serials(serials.read()) if serials is not None else frozenset(),
    )
    if not selector.is_narrow:
        raise click.UsageError("give at least one condition, such as --account")
    return selector


async def resolved(office: Office, selector: Selector) -> Selector:
    """With the registration behind the account.

    Raises:
        NotFound: there is no such account.
    """
    if selector.account is None:
        return selector
    registration = await office.desk.show(selector.account)
    return msgspec.structs.replace(selector, registration_id=registration.id)


def _name(text: str) -> Identifier:
    if "@" in text:
        return names.email(text)
    try:
        return names.ip(str(ipaddress.ip_address(text)))
    except ValueError:
        return names.dns(text.lower())


def _digest(text: str) -> bytes:
    try:
        digest = bytes.fromhex(text.replace(":", ""))
    except ValueError:
        digest = b""
    if len(digest) != _DIGEST_OCTETS:
        raise click.UsageError("--spki takes the 64 hex digits of a SHA-256")
    return digest


def _serials(text: str) -> frozenset[str]:
    serials = frozenset(serial_in_hex(line.strip()) for line in text.splitlines() if line.strip())
    if not serials:
        raise NotFound("the file holds no serial; write one a line, in hex")
    return serials

"""Names as people type them."""

from __future__ import annotations

import ipaddress

import idna

from ca_core import names
from ca_core.errors import BadName
from ca_core.names import Identifier, Kind
from ca_core.registration.account import Grant


def a_labels(name: str) -> str:
    """A DNS name as its A-labels in lower case; it may be typed as the subscriber writes it.

    Raises:
        BadName: it cannot be one.
    """
    wildcard, host = ("*.", name[2:]) if name.startswith("*.") else ("", name)
    if host.isascii():
        return wildcard + host.lower()
    try:
        return wildcard + idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        # Either may be as long as what was typed.
        raise BadName(f"{name[:80]!r} is not a DNS name: {str(error)[:160]}") from None


def kind_and_value(text: str) -> tuple[str, str]:
    """The kind of a name and its text; `ip:` or the like in front says which kind, else it is guessed."""
    kind, colon, value = text.partition(":")
    if not colon or kind not in set(Kind):
        kind, value = _guessed(text), text
    return kind, a_labels(value) if kind == Kind.DNS else value


def identifier(text: str) -> Identifier:
    """A name that somebody typed.

    Raises:
        BadName: it is none.
    """
    return names.parse(*kind_and_value(text))


def _guessed(text: str) -> Kind:
    if "://" in text:
        return Kind.URI
    if "@" in text:
        return Kind.EMAIL
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return Kind.DNS
    return Kind.IP


def granted(option: str, text: str, *, vetted: bool) -> Grant:
    """What an option of `register` grants, as it was typed.

    Args:
        option: `dns`, `zone`, `ip`, `email` or `device-id`; no challenge proves the last one.

    Raises:
        BadName: it is no such name.
    """
    match option:
        case "dns":
            return Grant(names.dns(a_labels(text)), vetted=vetted)
        case "zone":
            return Grant(_zone(text), zone=True, vetted=vetted)
        case "ip":
            return Grant(names.ip(text), vetted=vetted)
        case "email":
            return Grant(names.email(text), vetted=vetted)
        case _:
            return Grant(names.permanent(text))


def _zone(name: str) -> Identifier:
    zone = names.dns(a_labels(name))
    if zone.is_wildcard:
        raise BadName(
            f"{name!r} is a wildcard; --zone {name[2:]} grants every name below it, --dns {name} the wildcard"
        )
    return zone

"""Names as people type them."""

from __future__ import annotations

import ipaddress

import idna

from ca_core import names
from ca_core.errors import BadName
from ca_core.names import Identifier, Kind


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
        raise BadName(f"{name!r} is not a DNS name: {error}") from None


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

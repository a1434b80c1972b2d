"""Networks: from where somebody may come."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from ca_core.errors import BadRequest


def checked(text: str) -> str:
    """A network as CIDR in its normal form; a bare address is a network of its own.

    Raises:
        BadRequest: it is none, or has bits behind its prefix.
    """
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise BadRequest(f"{text[:64]!r} is not a network such as 192.0.2.0/24 or 2001:db8::/32") from None


def is_within(address: str, networks: Iterable[str]) -> bool:
    """Whether a textual address is in one of these; what is no address is in none.

    An IPv4 address that came over an IPv6 socket (RFC 4291, 2.5.5.2) is judged as what it is.
    """
    try:
        came_from = ipaddress.ip_address(address)
    except ValueError:
        return False
    meant = getattr(came_from, "ipv4_mapped", None) or came_from
    return any(meant in ipaddress.ip_network(network) for network in networks)

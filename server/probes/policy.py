"""Where probes may go and how much they may take (DESIGN, invariant 12)."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

import msgspec

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

MAX_ADDRESSES_TRIED = 4
"""A name with a hundred addresses must not make us knock at a hundred doors."""
CONNECT_SHARE = 3
"""An address that swallows packets gets a third of the whole time, so that the next one has its chance."""
LOCALHOST: Final[tuple[Address, ...]] = (IPv4Address("127.0.0.1"), IPv6Address("::1"))

_IPV4 = 4
_SPECIAL: Final[tuple[tuple[Network, str], ...]] = tuple(
    (ip_network(network), why)
    for why, networks in {
        "a loopback address": ("127.0.0.0/8", "::1/128"),
        "an unspecified address": ("0.0.0.0/8", "::/128"),
        "a link-local address": ("169.254.0.0/16", "fe80::/10", "fec0::/10"),
        "a multicast or broadcast address": ("224.0.0.0/4", "255.255.255.255/32", "ff00::/8"),
        # What clouds tell their own machines: AWS, Alibaba, Azure, Google. 169.254.169.254 is link-local.
        "a metadata address": ("fd00:ec2::/32", "100.100.100.200/32", "168.63.129.16/32", "fd20:ce::254/128"),
        # RFC 6890 and its registries: nobody is at home there, or only on the same wire. Of the translated
        # forms, those that do not show their IPv4 address plainly (Teredo, local NAT64) are refused whole.
        "an address reserved for special use": (
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "240.0.0.0/4",
            "64:ff9b:1::/48",
            "100::/64",
            "2001::/23",
            "2001:db8::/32",
            "3fff::/20",
            "5f00::/16",
        ),
    }.items()
    for network in networks
)
_IPV4_IN_LAST_BITS: Final = (
    IPv6Network("::ffff:0:0/96"),  # mapped (RFC 4291, 2.5.5.2)
    IPv6Network("::ffff:0:0:0/96"),  # translated (RFC 2765, 2.1)
    IPv6Network("64:ff9b::/96"),  # NAT64 (RFC 6052, 2.1)
    IPv6Network("::/96"),  # compatible (RFC 4291, 2.5.5.1)
)


class ProbePolicy(msgspec.Struct, frozen=True):
    """Where probes may go and how much they may take.

    Private networks (RFC 1918, RFC 6598, RFC 4193) are reachable: they are the point of a private CA.

    Attributes:
        http_01_port: where http-01 looks; 80 by RFC 8555, 8.3, another one for tests and odd networks.
        tls_alpn_01_port: where tls-alpn-01 looks; 443 by RFC 8737, 3.
        resolvers: `address:port` of DNS servers to ask, IPv6 in brackets. Empty: the system's own way, which
            heeds the hosts file and the search list; name resolvers where subscribers are not trusted.
        zone_resolvers: the same for a zone and everything below it; the nearest zone counts.
        dnssec: whether only answers count that a resolver calls authentic.
        allowed: networks reachable although they are special, such as loopback in a development home.
        own_listeners: addresses and ports where this server listens itself, never dialled even in an allowed
            network. An unspecified address stands for every address of this machine.
        max_redirects: how many are followed.
        total_seconds: for the whole probe, names and redirects included.
    """

    http_01_port: int = 80
    tls_alpn_01_port: int = 443
    resolvers: tuple[str, ...] = ()
    zone_resolvers: Mapping[str, tuple[str, ...]] = {}
    dnssec: bool = False
    allowed: tuple[Network, ...] = ()
    own_listeners: frozenset[tuple[Address, int]] = frozenset()
    max_redirects: int = 10
    total_seconds: float = 10.0

    @property
    def connect_seconds(self) -> float:
        """For a connection to one address."""
        return self.total_seconds / CONNECT_SHARE


class Unseen(Exception):
    """A probe ends here. Carries the ACME error type beside the sentence for the user.

    Args:
        is_final: whether another look is not worth it, although this type of error mostly passes.
    """

    def __init__(self, problem: str, detail: str, *, is_final: bool = False) -> None:
        super().__init__(detail)
        self.problem = problem
        self.is_final = is_final


def why_not(address: Address, port: int, policy: ProbePolicy) -> str | None:
    """Why a probe must not dial this from this machine; None when it may."""
    return objection(address, port, policy) or _is_this_machine(address, port, policy)


def objection(address: Address, port: int, policy: ProbePolicy) -> str | None:
    """Why a probe must not dial this; None when it may (DESIGN, invariant 12).

    An IPv6 address that carries an IPv4 address (mapped, translated, compatible, NAT64, 6to4) is judged by
    that one: it is where the packets go.
    """
    meant = _meant(address)
    for own, own_port in policy.own_listeners:
        if port == own_port and (meant == own or (own.is_unspecified and meant.is_loopback)):
            return "one of our own listeners"
    if any(address in network or meant in network for network in policy.allowed):
        return None
    return next((why for network, why in _SPECIAL if meant in network), None)


def _is_this_machine(address: Address, port: int, policy: ProbePolicy) -> str | None:
    """Whether a listener on every address would answer: a packet to ourselves has our own address as its source."""
    if not any(own.is_unspecified and port == own_port for own, own_port in policy.own_listeners):
        return None
    family = socket.AF_INET if address.version == _IPV4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            # A datagram socket sends nothing when it connects; it only chooses its source.
            probe.connect((str(address), port))
        except OSError:
            return None
        source = ip_address(probe.getsockname()[0])
    return "one of our own listeners" if source == address else None


def _meant(address: Address) -> Address:
    if isinstance(address, IPv6Address):
        # Without its zone, which makes it unequal to the very same address.
        address = IPv6Address(int(address))
    if isinstance(address, IPv4Address) or address in LOCALHOST or address.is_unspecified:
        return address
    if any(address in network for network in _IPV4_IN_LAST_BITS):
        return IPv4Address(address.packed[-4:])
    return address.sixtofour or address

"""What an operator may set about probes: whether it makes sense, and the policy that comes of it."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import msgspec

from ca_core import names
from ca_core.errors import BadName, Misconfigured
from protocols.acme import challenges
from protocols.acme.persistence import MOST_ISSUERS
from server.addresses import is_address_and_port
from server.probes.policy import ProbePolicy
from server.setting_tables import Acme

_REQUIRE = "require"
_LAST_PORT = 65_535


def check(acme: Acme) -> None:
    """Refuse what makes no sense.

    Raises:
        Misconfigured: says which setting, and what it should be.
    """
    for key, port in (("http_01_port", acme.http_01_port), ("tls_alpn_01_port", acme.tls_alpn_01_port)):
        if not 1 <= port <= _LAST_PORT:
            raise Misconfigured(f"acme.{key} must be from 1 to {_LAST_PORT}")
    for network in acme.probe_networks:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise Misconfigured(f"acme.probe_networks: {network!r} is not a network such as 10.0.0.0/8") from None
    _check_challenges(acme)
    _check_resolvers("acme.resolvers", acme.resolvers)
    for zone, servers in acme.zone_resolvers.items():
        _check_zone(zone, servers)
    if acme.dnssec == _REQUIRE:
        _check_trusted(acme)
    if acme.caa and not acme.caa_identities:
        raise Misconfigured("acme.caa needs acme.caa_identities: the names by which CAA records mean this CA")


def policy(acme: Acme, listen: str, ports: range) -> ProbePolicy:
    """What probes may do.

    Args:
        listen: the address that this server binds.
        ports: where it listens.
    """
    address = ipaddress.ip_address(listen)
    return ProbePolicy(
        http_01_port=acme.http_01_port,
        tls_alpn_01_port=acme.tls_alpn_01_port,
        resolvers=acme.resolvers,
        zone_resolvers=acme.zone_resolvers,
        dnssec=acme.dnssec == _REQUIRE,
        allowed=tuple(ipaddress.ip_network(network) for network in acme.probe_networks),
        own_listeners=frozenset((address, port) for port in ports),
    )


def for_calls(policy: ProbePolicy, networks: tuple[str, ...], *, total_seconds: float) -> ProbePolicy:
    """The policy of what calls others, which may go to networks of its own."""
    allowed = tuple(ipaddress.ip_network(network) for network in networks)
    return msgspec.structs.replace(policy, allowed=allowed, total_seconds=total_seconds)


def _check_challenges(acme: Acme) -> None:
    known = ", ".join(challenges.KNOWN)
    for type_ in acme.challenges:
        if type_ not in challenges.KNOWN:
            raise Misconfigured(f"acme.challenges: {type_[:80]!r} is none of {known}")
    if not acme.challenges or len(set(acme.challenges)) != len(acme.challenges):
        raise Misconfigured(f"acme.challenges must name some of {known}, each once")
    if challenges.DNS_PERSIST_01 in acme.challenges and not 1 <= len(acme.caa_identities) <= MOST_ISSUERS:
        raise Misconfigured(
            f"acme.challenges: {challenges.DNS_PERSIST_01} needs acme.caa_identities, {MOST_ISSUERS} at most"
        )


def _check_resolvers(key: str, servers: tuple[str, ...]) -> None:
    for server in servers:
        if not is_address_and_port(server):
            raise Misconfigured(f"{key}: {server!r} is not address:port such as 192.0.2.53:53 or [::1]:53")


def _check_zone(zone: str, servers: tuple[str, ...]) -> None:
    key = f'acme.zone_resolvers."{zone[:80]}"'
    try:
        is_zone = not names.dns(zone).is_wildcard
    except BadName:
        is_zone = False
    if not is_zone:
        raise Misconfigured(f"{key}: a zone is a DNS name in lower case such as corp.example")
    if not servers:
        raise Misconfigured(f'{key} must name a server such as ["192.0.2.53:53"]')
    _check_resolvers(key, servers)


def _check_trusted(acme: Acme) -> None:
    """That an answer is authentic is one bit of it: it must come over a path that nobody else is on."""
    servers = [*acme.resolvers, *(server for each in acme.zone_resolvers.values() for server in each)]
    if not acme.resolvers:
        raise Misconfigured('acme.dnssec = "require" needs acme.resolvers: validating name servers on this machine')
    for server in servers:
        if not ipaddress.ip_address(urlsplit(f"//{server}").hostname or "").is_private:
            raise Misconfigured(
                f'acme.dnssec = "require": {server} is reached over the internet, where anybody can say that its'
                " answers are authentic; run a validating name server on this machine or network"
            )

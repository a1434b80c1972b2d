"""Outgoing probes: how the server looks at what a client published (RFC 8555, 8.3), and where it never looks.

A subscriber chooses where a probe goes, and so could aim it at what only this machine can reach. Therefore:

1. a name is resolved once, and every address is judged by `objection`;
2. the address that was judged is the address that is dialled: it stands in the URL, the name in `Host`;
3. a redirect starts again at 1, with fewer schemes, ports and octets to choose from;
4. nothing that came back is ever shown, only what kind of thing it was.
"""

from __future__ import annotations

import asyncio
import hmac
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

import aiohttp
import dns.asyncresolver
import dns.exception
import dns.nameserver
import msgspec
from yarl import URL

from ca_core import names
from ca_core.errors import BadName
from ca_core.names import Identifier
from protocols.acme.probes import Seen

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

MAX_PATH_CHARACTERS = 2000
MAX_OCTETS_PAST_EXPECTED = 128
MAX_ADDRESSES_TRIED = 4
"""A name with a hundred addresses must not make us knock at a hundred doors."""

_CONNECT_SHARE = 3
"""An address that swallows packets gets a third of the whole time, so that the next one has its chance."""

_IPV4 = 4
_EDNS_OCTETS = 1232
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_HEADERS: Final = {"User-Agent": "soapstone", "Accept-Encoding": "identity"}
_LOCALHOST: Final[tuple[Address, ...]] = (IPv4Address("127.0.0.1"), IPv6Address("::1"))

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
        resolvers: `address:port` of DNS servers to ask, IPv6 in brackets. Empty: the system's own way, which
            heeds the hosts file and the search list; name resolvers where subscribers are not trusted.
        allowed: networks reachable although they are special, such as loopback in a development home.
        own_listeners: addresses and ports where this server listens itself, never dialled even in an allowed
            network. An unspecified address stands for every address of this machine.
        max_redirects: how many are followed.
        total_seconds: for the whole probe, names and redirects included.
    """

    http_01_port: int = 80
    resolvers: tuple[str, ...] = ()
    allowed: tuple[Network, ...] = ()
    own_listeners: frozenset[tuple[Address, int]] = frozenset()
    max_redirects: int = 10
    total_seconds: float = 10.0


class _Unseen(Exception):
    """The probe ends here. Carries the ACME error type beside the sentence for the user."""

    def __init__(self, problem: str, detail: str) -> None:
        super().__init__(detail)
        self.problem = problem


class _Hop(msgspec.Struct, frozen=True):
    """One request of a probe: the first, or that of a redirect."""

    url: URL
    number: int = 0

    @property
    def label(self) -> str:
        """How users are told of it: a redirect's URL came back from outside and is not repeated."""
        return f"redirect {self.number}" if self.number else str(self.url)

    def asked(self, address: Address) -> str:
        """Label and address; that of a redirect could tell of names that only our resolver knows."""
        return self.label if self.number else f"{self.label} at {address}"


class _Answer(msgspec.Struct, frozen=True):
    """What came back. `body` is cut at the limit that was asked for."""

    asked: str
    status: int
    location: str | None
    body: bytes


class NetworkProbes:
    """Looks over the network, by the rules of `policy`; the real `protocols.acme.probes.Probes`."""

    def __init__(self, policy: ProbePolicy) -> None:
        self._policy = policy
        self._resolver = _dns_resolver(policy)

    async def http_01(self, identifier: Identifier, token: str, key_authorization: str) -> Seen:
        """Fetch `http://IDENTIFIER/.well-known/acme-challenge/TOKEN` (RFC 8555, 8.3).

        Args:
            identifier: a DNS name without a wildcard, or an address (RFC 8738, 4).
            token: as it was offered.
            key_authorization: what must be there; white space after it is tolerated.
        """
        path = f"/.well-known/acme-challenge/{token}"
        url = URL.build(scheme="http", host=identifier.value, port=self._policy.http_01_port, path=path)
        expected = key_authorization.encode()
        try:
            async with asyncio.timeout(self._policy.total_seconds):
                answer = await self._follow(_Hop(url), len(expected) + MAX_OCTETS_PAST_EXPECTED)
        except TimeoutError:
            return Seen(
                proved=False,
                problem="connection",
                detail=f"{url} was not read within {self._policy.total_seconds:g} s",
            )
        except _Unseen as unseen:
            return Seen(proved=False, problem=unseen.problem, detail=str(unseen))
        return _judged(answer, expected)

    async def _follow(self, hop: _Hop, limit: int) -> _Answer:
        while True:
            answer = await self._fetch(hop, limit)
            if answer.status not in _REDIRECTS:
                return answer
            if hop.number == self._policy.max_redirects:
                raise _Unseen("connection", f"more than {self._policy.max_redirects} redirects")
            hop = _Hop(redirect_target(hop.url, answer.location, self._policy), hop.number + 1)

    async def _fetch(self, hop: _Hop, limit: int) -> _Answer:
        """Resolve, judge, and ask the first address that takes a connection."""
        port = hop.url.port or 0
        failures = []
        for address in (await self._addresses(hop))[:MAX_ADDRESSES_TRIED]:
            if why := objection(address, port, self._policy) or _is_this_machine(address, port, self._policy):
                failures.append(f"{hop.asked(address)} is not dialled, for it is {why}")
                continue
            try:
                return await self._get(hop, address, limit)
            except aiohttp.ClientSSLError:
                raise _Unseen("tls", f"{hop.asked(address)} failed in the TLS handshake") from None
            except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError):
                failures.append(f"{hop.asked(address)} took no connection on port {port}")
            except aiohttp.ClientError:
                raise _Unseen("connection", f"{hop.asked(address)} did not answer in HTTP") from None
        raise _Unseen("connection", "; ".join(failures))

    async def _get(self, hop: _Hop, address: Address, limit: int) -> _Answer:
        timeout = aiohttp.ClientTimeout(sock_connect=self._policy.total_seconds / _CONNECT_SHARE)
        # The default trust_env=False stays: a proxy of the environment would dial for us, and unjudged.
        session = aiohttp.ClientSession(
            # The proof is what stands at the URL. A certificate there may well be the one to be replaced;
            # Boulder does not look at it either.
            connector=aiohttp.TCPConnector(ssl=False, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS | {"Host": hop.url.host_port_subcomponent or ""},
            auto_decompress=False,
            timeout=timeout,
        )
        dialled = hop.url.with_host(str(address))
        async with (
            session,
            session.get(dialled, allow_redirects=False, server_hostname=hop.url.host) as response,
        ):
            body = await _read(response.content, limit)
            return _Answer(hop.asked(address), response.status, response.headers.get("Location"), body)

    async def _addresses(self, hop: _Hop) -> tuple[Address, ...]:
        """What the host of a hop means now; never empty."""
        host = (hop.url.host or "").rstrip(".").lower()
        try:
            return (ip_address(host),)
        except ValueError:
            pass
        # RFC 6761, 6.3: nobody is asked, so nobody can answer otherwise.
        if host == "localhost" or host.endswith(".localhost"):
            return _LOCALHOST
        label = host if hop.number == 0 else f"the host of {hop.label}"
        found = await (_from_system(host) if self._resolver is None else _from_dns(self._resolver, host))
        if not found:
            raise _Unseen("dns", f"{label} has no address, or its name servers do not answer")
        return found


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


def redirect_target(url: URL, location: str | None, policy: ProbePolicy) -> URL:
    """Where a redirect leads, if it may be followed: http or https, a known port, a bounded path."""
    try:
        target = url.join(URL(location or "")).with_fragment(None)
        # Before the resolver, the Host header and the TLS handshake see it: other spellings upset them.
        _check_host((target.host or "").rstrip("."))
    except (ValueError, BadName):
        raise _Unseen("unauthorized", "a redirect leads to what is no URL") from None
    if not location or target.scheme not in {"http", "https"}:
        raise _Unseen("unauthorized", "a redirect leads to something other than http or https")
    if target.user is not None or target.password is not None:
        raise _Unseen("unauthorized", "a redirect with a user or a password is not followed")
    if target.port not in {80, 443, policy.http_01_port}:
        raise _Unseen("unauthorized", "a redirect leads to a port other than 80 and 443")
    if len(target.raw_path_qs) > MAX_PATH_CHARACTERS:
        raise _Unseen("unauthorized", f"a redirect is longer than {MAX_PATH_CHARACTERS} characters")
    return target


def _check_host(host: str) -> None:
    try:
        ip_address(host)
    except ValueError:
        names.dns(host)


def _meant(address: Address) -> Address:
    if isinstance(address, IPv4Address) or address in _LOCALHOST or address.is_unspecified:
        return address
    if any(address in network for network in _IPV4_IN_LAST_BITS):
        return IPv4Address(address.packed[-4:])
    return address.sixtofour or address


def _judged(answer: _Answer, expected: bytes) -> Seen:
    if answer.status != 200:  # noqa: PLR2004 - the number is the clearest name of "OK".
        detail = f"{answer.asked} answered with status {answer.status} where 200 was expected"
        return Seen(proved=False, problem="unauthorized", detail=detail)
    # RFC 8555, 8.3: white space at the end of the body should be ignored.
    if not hmac.compare_digest(answer.body.rstrip(), expected):
        detail = f"{answer.asked} holds something other than the key authorization"
        return Seen(proved=False, problem="unauthorized", detail=detail)
    return Seen(proved=True)


async def _read(stream: aiohttp.StreamReader, limit: int) -> bytes:
    body = b""
    while len(body) < limit and (chunk := await stream.read(limit - len(body))):
        body += chunk
    return body


def _dns_resolver(policy: ProbePolicy) -> dns.asyncresolver.Resolver | None:
    if not policy.resolvers:
        return None
    resolver = dns.asyncresolver.Resolver(configure=False)
    servers = [URL(f"dns://{server}") for server in policy.resolvers]
    resolver.nameservers = [dns.nameserver.Do53Nameserver(one.host or "", one.port or 53) for one in servers]
    resolver.use_edns(0, 0, _EDNS_OCTETS)
    # Less than the whole, so that a silent name server is told from a silent web server.
    resolver.lifetime = policy.total_seconds / 2
    return resolver


async def _from_dns(resolver: dns.asyncresolver.Resolver, name: str) -> tuple[Address, ...]:
    """IPv6 first; one family that fails does not hide the other."""
    v6, v4 = await asyncio.gather(_records(resolver, name, "AAAA"), _records(resolver, name, "A"))
    return (*v6, *v4)


async def _records(resolver: dns.asyncresolver.Resolver, name: str, kind: str) -> tuple[Address, ...]:
    try:
        answer = await resolver.resolve(f"{name}.", kind, search=False, raise_on_no_answer=False)
    except dns.exception.DNSException:
        return ()
    return tuple(ip_address(record.address) for record in answer.rrset or ())


async def _from_system(name: str) -> tuple[Address, ...]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        return ()
    return tuple(ip_address(sockaddr[0]) for *_, sockaddr in found)

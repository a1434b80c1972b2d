"""Asking name servers: which addresses a name has, and what its other records say."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import Executor, ThreadPoolExecutor
from ipaddress import ip_address

import dns.asyncquery
import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.nameserver
import dns.rdata
import dns.resolver
from yarl import URL

from server.probes.policy import LOCALHOST, Address, ProbePolicy, Unseen

MAX_ALIASES = 8
_EDNS_OCTETS = 1232
_MOST_SYSTEM_LOOKUPS = 256
"""A thread waits on when its probe is over: thirty seconds for three silent name servers, and a probe has ten."""
_LOCALHOST = "localhost"
_CHECK_SECONDS = 2.0
# RFC 6840, 5.7: who sets AD in a question wants to see it in the answer.
_WITH_AD = dns.flags.RD | dns.flags.AD


class Resolving:
    """Looks names up at the resolvers of `policy`, without a cache of its own: a probe sees what is there now."""

    def __init__(self, policy: ProbePolicy) -> None:
        self._policy = policy
        self._everywhere = self._resolver(policy.resolvers) if policy.resolvers else None
        self._zones = {zone: self._resolver(servers) for zone, servers in policy.zone_resolvers.items()}
        # The system's way keeps a thread for as long as a name server is silent, and whose name it is decides that:
        # the event loop's own few threads sign certificates and write the journal.
        self._threads = ThreadPoolExecutor(_MOST_SYSTEM_LOOKUPS, thread_name_prefix="resolving")

    async def addresses(self, host: str, label: str) -> tuple[Address, ...]:
        """What a host means now, IPv6 first; never empty.

        Args:
            host: a name without a final dot in lower case, or an address.
            label: how users are told of it.

        Raises:
            Unseen: it has no address, or the name servers do not say.
        """
        try:
            return (ip_address(host),)
        except ValueError:
            pass
        # RFC 6761, 6.3: nobody is asked, so nobody can answer otherwise.
        if is_localhost(host):
            return LOCALHOST
        resolver = self._for(host)
        found = await (self._from_dns(host, label) if resolver else _from_system(host, self._threads))
        if not found:
            raise Unseen("dns", f"{label} has no address")
        return found

    async def records(self, name: str, kind: str, label: str) -> tuple[dns.rdata.Rdata, ...]:
        """The records of a name, also by way of aliases; empty where there are none or there is no such name.

        Raises:
            Unseen: the name servers do not say, or not as they should.
        """
        aliases = 0
        while True:
            answer = await self._answer(name, kind, label)
            if answer is None:
                return ()
            steps = answer.chaining_result.cnames
            aliases += len(steps)
            if aliases > MAX_ALIASES:
                raise Unseen("dns", f"{label} leads through more than {MAX_ALIASES} aliases")
            if answer.rrset is not None:
                return tuple(answer.rrset)
            if not steps:
                return ()
            # A name server that does not follow aliases itself, or one for another zone.
            name = answer.canonical_name.to_text(omit_final_dot=True)

    async def _answer(self, name: str, kind: str, label: str) -> dns.resolver.Answer | None:
        try:
            resolver = self._for(name) or dns.asyncresolver.Resolver()
            answer = await resolver.resolve(f"{name}.", kind, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN as absent:
            for response in absent.kwargs["responses"].values():
                self._require_authentic(response, label)
            return None
        except dns.resolver.NoResolverConfiguration:
            raise Unseen("dns", f"{label} was not looked up: this server knows no name server") from None
        except dns.exception.Timeout:
            raise Unseen("dns", f"{label} was not found out: the name servers do not answer") from None
        except dns.exception.DNSException:
            raise Unseen("dns", f"{label} was not found out: the name servers report a failure") from None
        self._require_authentic(answer.response, label)
        return answer

    def _require_authentic(self, response: dns.message.Message, label: str) -> None:
        # RFC 4035, 4.9.3: the resolver validates, and is believed because the operator named it.
        if self._policy.dnssec and not response.flags & dns.flags.AD:
            raise Unseen("dns", f"{label} is not secured by DNSSEC, which this server requires")

    async def _from_dns(self, name: str, label: str) -> tuple[Address, ...]:
        """IPv6 first; one family that fails does not hide the other."""
        families = await asyncio.gather(*(self._family(name, kind, label) for kind in ("AAAA", "A")))
        found = tuple(address for family in families if not isinstance(family, Unseen) for address in family)
        failures = [family for family in families if isinstance(family, Unseen)]
        if failures and not found:
            raise failures[0]
        return found

    async def _family(self, name: str, kind: str, label: str) -> tuple[Address, ...] | Unseen:
        try:
            return tuple(ip_address(record.to_text()) for record in await self.records(name, kind, label))
        except Unseen as unseen:
            return unseen

    def _for(self, name: str) -> dns.asyncresolver.Resolver | None:
        """Who is to be asked about a name; None means the system's way."""
        labels = name.lower().split(".")
        zones = (".".join(labels[start:]) for start in range(len(labels)))
        return next((self._zones[zone] for zone in zones if zone in self._zones), self._everywhere)

    def _resolver(self, servers: tuple[str, ...]) -> dns.asyncresolver.Resolver:
        resolver = dns.asyncresolver.Resolver(configure=False)
        urls = [URL(f"dns://{server}") for server in servers]
        resolver.nameservers = [dns.nameserver.Do53Nameserver(one.host or "", one.port or 53) for one in urls]
        resolver.use_edns(0, dns.flags.DO if self._policy.dnssec else 0, _EDNS_OCTETS)
        if self._policy.dnssec:
            resolver.flags = _WITH_AD
        # Less than the whole, so that a silent name server is told from a silent web server.
        resolver.lifetime = self._policy.total_seconds / 2
        return resolver


def is_localhost(host: str) -> bool:
    """Whether this is a name of the machine itself (RFC 6761, 6.3)."""
    return host == _LOCALHOST or host.endswith(f".{_LOCALHOST}")


async def is_answering(server: str, zone: str) -> bool:
    """Whether a resolver says anything at all about a zone within two seconds; for who checks the settings.

    Args:
        server: `address:port`, IPv6 in brackets.
        zone: empty: the root.
    """
    return await _start_of_authority(server, zone) is not None


async def is_validating(server: str) -> bool:
    """Whether a resolver says that it has validated what it tells of the root, which is signed."""
    answer = await _start_of_authority(server, "")
    return answer is not None and bool(answer.flags & dns.flags.AD)


async def _start_of_authority(server: str, zone: str) -> dns.message.Message | None:
    url, query = URL(f"dns://{server}"), dns.message.make_query(f"{zone}.", "SOA", flags=_WITH_AD)
    try:
        return await dns.asyncquery.udp(query, url.host or "", port=url.port or 53, timeout=_CHECK_SECONDS)
    except (dns.exception.DNSException, OSError):
        return None


async def _from_system(name: str, threads: Executor) -> tuple[Address, ...]:
    def ask() -> list[str]:
        return [str(sockaddr[0]) for *_, sockaddr in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)]

    try:
        found = await asyncio.get_running_loop().run_in_executor(threads, ask)
    except (socket.gaierror, UnicodeError):
        return ()
    return tuple(map(ip_address, found))

"""The door of the probes: one look at one challenge, within its time."""

from __future__ import annotations

import asyncio
from typing import Protocol

from protocols.acme import challenges
from protocols.acme.probes import CaaFound, Question, Seen
from server.probes import caa
from server.probes.dns_01 import Dns01
from server.probes.dns_persist_01 import DnsPersist01
from server.probes.http_01 import Http01
from server.probes.policy import ProbePolicy, Unseen
from server.probes.resolving import Resolving
from server.probes.tls_alpn_01 import TlsAlpn01


class _Kind(Protocol):
    """How one type of challenge is looked at."""

    problem_of_timeout: str

    def label(self, question: Question) -> str: ...

    async def look(self, question: Question) -> Seen: ...


class NetworkProbes:
    """Looks over the network, by the rules of `policy`; the real `protocols.acme.probes.Probes`."""

    def __init__(self, policy: ProbePolicy) -> None:
        self._policy = policy
        self._resolving = resolving = Resolving(policy)
        dns_01 = Dns01(resolving)
        self._kinds: dict[str, _Kind] = {
            challenges.HTTP_01: Http01(policy, resolving),
            challenges.DNS_01: dns_01,
            challenges.DNS_ACCOUNT_01: dns_01,
            challenges.DNS_PERSIST_01: DnsPersist01(resolving),
            challenges.TLS_ALPN_01: TlsAlpn01(policy, resolving),
        }

    async def look(self, question: Question) -> Seen:
        """Look once at what the client published, for `total_seconds` at most."""
        kind = self._kinds[question.type]
        try:
            async with asyncio.timeout(self._policy.total_seconds):
                return await kind.look(question)
        except TimeoutError:
            detail = f"{kind.label(question)} was not read within {self._policy.total_seconds:g} s"
            return Seen(proved=False, problem=kind.problem_of_timeout, detail=detail)
        except Unseen as unseen:
            return Seen(proved=False, problem=unseen.problem, detail=str(unseen), is_final=unseen.is_final)

    async def caa(self, name: str) -> CaaFound:
        """Find the CAA records that count for a DNS name, for `total_seconds` at most."""
        try:
            async with asyncio.timeout(self._policy.total_seconds):
                return await caa.relevant(self._resolving, name)
        except TimeoutError:
            return CaaFound(trouble=f"CAA of {name} was not found out within {self._policy.total_seconds:g} s")

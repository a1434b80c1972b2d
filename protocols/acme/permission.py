"""Whether a name's owner permits this CA to issue (RFC 8659, RFC 8657): asked when it is proved, and again later."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ca_core.clock import Clock
from ca_core.names import Identifier, Kind
from ca_core.store import enrollment_requests
from ca_core.store.database import Database, Transaction
from protocols.acme import caa
from protocols.acme.caa import Wish
from protocols.acme.errors import CaaForbids, CaaUnknown
from protocols.acme.limits import Limits
from protocols.acme.links import Links, Resource
from protocols.acme.objects import Account, Authorization
from protocols.acme.probes import Probes, Seen
from protocols.acme.records import accounts, authorizations, caa_checks, orders

GOOD_SECONDS = 8 * 3600
"""How long an answer is relied on, as for public CAs (CA/B Baseline Requirements, 3.2.2.8.1)."""

LONGEST_SECONDS = 15.0
"""How long a client is kept waiting for silent name servers, with however many names."""

_AT_ONCE = 8


class _Doubt(NamedTuple):
    """A name that has to be asked about, and what it was proved by."""

    name: Identifier
    authorization: str
    method: str


class Permission:
    """Asks the DNS, and remembers when.

    Names that the RA vouches for are not asked about: their certificates do not stand on the DNS.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        probes: Probes,
        links: Links,
        identities: tuple[str, ...],
        *,
        limits: Limits,
        longest_seconds: float = LONGEST_SECONDS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._probes = probes
        self._links = links
        self._identities = identities
        self._limits = limits
        self._longest_seconds = longest_seconds

    async def objection(self, name: Identifier, account_id: str, method: str) -> Seen | None:
        """What stands against a certificate; None when nothing does.

        Args:
            method: the type of the challenge that proved the name.
        """
        if name.kind is not Kind.DNS:
            return None
        found = await self._probes.caa(name.value.removeprefix("*."))
        if found.trouble:
            return Seen(proved=False, problem="dns", detail=f"{found.trouble}; without it nothing is issued")
        wish = Wish(
            wildcard=name.is_wildcard,
            identities=self._identities,
            account_url=self._links.to(Resource.ACCOUNT, account_id),
            method=method,
        )
        why = caa.objection(found.records, wish)
        if why is None:
            return None
        detail = f"the CAA records of {found.place} {why}; nothing is issued for {name.value}"
        return Seen(proved=False, problem="caa", detail=detail)

    async def note(self, tx: Transaction, authorization: Authorization) -> None:
        """Remember that nothing stood against the name of an authorization just now."""
        if authorization.identifier.kind is Kind.DNS:
            names = [authorization.identifier.value]
            await caa_checks.note(tx, authorization.id, names, now=self._clock.now())

    async def require(
        self, account: Account, names: Iterable[Identifier], authorized: Sequence[Authorization], *, source: str
    ) -> None:
        """Ask again about what was not asked about in the last eight hours; what is in vain counts as a failed probe.

        Args:
            names: of the certificate.
            authorized: what authorizes them, less what the RA vouches for.
            source: textual IP address of who asks.

        Raises:
            Throttled: too much was in vain of late.
            CaaForbids: a name's owner does not permit it.
            CaaUnknown: the name servers did not say.
        """
        doubts = await self._doubts(names, authorized)
        if not doubts:
            return
        async with self._database.read() as tx:
            await self._limits.look(tx, account, source=source, now=self._clock.now())
        try:
            await self._settle(account, doubts)
        except (CaaForbids, CaaUnknown):
            async with self._database.write() as tx:
                await self._limits.looked_in_vain(tx, account, source=source, now=self._clock.now())
            raise

    async def _settle(self, account: Account, doubts: Sequence[_Doubt]) -> None:
        if not doubts:
            return
        objections = await self._objections(account, doubts)
        # Also beside a name that may not: the next try is to ask about that one only.
        async with self._database.write() as tx:
            for doubt, objection in zip(doubts, objections, strict=True):
                if objection is None:
                    await caa_checks.note(tx, doubt.authorization, [doubt.name.value], now=self._clock.now())
        for objection in objections:
            if objection is not None:
                raise (CaaForbids if objection.problem == "caa" else CaaUnknown)(objection.detail)

    async def _objections(self, account: Account, doubts: Sequence[_Doubt]) -> list[Seen | None]:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def ask(doubt: _Doubt) -> Seen | None:
            async with gate:
                return await self.objection(doubt.name, account.id, doubt.method)

        try:
            async with asyncio.timeout(self._longest_seconds):
                return await asyncio.gather(*map(ask, doubts))
        except TimeoutError:
            raise CaaUnknown(
                f"the CAA records of {len(doubts)} names were not found out within {self._longest_seconds:g} s;"
                " without them nothing is issued"
            ) from None

    async def of_approved(self, number: int) -> CaaForbids | CaaUnknown | None:
        """What stands by now against a request that an officer has approved; days may be between."""
        async with self._database.read() as tx:
            request = await enrollment_requests.by_number(tx, number)
            order = await orders.by_request_key(tx, request.request_key) if request else None
            account = await accounts.by_id(tx, order.account_id) if order else None
            if order is None or account is None:
                return None
            authorized = await authorizations.of_order(tx, order.id)
        try:
            # It is our time, and not the account's.
            await self._settle(account, await self._doubts(order.identifiers, _challenged(authorized)))
        except (CaaForbids, CaaUnknown) as refusal:
            return refusal
        return None

    async def _doubts(self, names: Iterable[Identifier], authorized: Sequence[Authorization]) -> list[_Doubt]:
        moment = self._clock.now() - GOOD_SECONDS
        doubts = []
        async with self._database.read() as tx:
            for name in names:
                proof = next((one for one in authorized if one.covers(name)), None)
                if proof is None or name.kind is not Kind.DNS:
                    continue
                if name.value not in await caa_checks.since(tx, proof.id, moment=moment):
                    doubts.append(_Doubt(name, proof.id, proof.proved_by))
        return doubts


def _challenged(authorized: Sequence[Authorization]) -> list[Authorization]:
    return [one for one in authorized if not one.vetted]

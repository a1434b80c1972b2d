"""Telling partners' systems what happened: one signed POST, by the rules that probes go by (DESIGN, invariant 12)."""

from __future__ import annotations

import asyncio
import ssl

import aiohttp
from yarl import URL

from ca_core.clock import Clock
from ca_core.notices import webhook
from ca_core.notices.notice import Notice
from ca_core.notices.outbox import NotNow
from ca_core.store import registrations
from ca_core.store.database import Database
from ca_core.store.outbox import Parcel
from server.probes.policy import MAX_ADDRESSES_TRIED, Address, ProbePolicy, Unseen, why_not
from server.probes.resolving import Resolving

_TAKEN = range(200, 300)
# What is said of this one message; everything else is how the target does.
_OF_THE_MESSAGE = frozenset({400, 409, 413, 415, 422})


class Hook:
    """One target.

    Args:
        key: signs what is sent.
        policy: where it may be, and how long it may take.
        tls: how it proves itself.
    """

    def __init__(
        self, database: Database, clock: Clock, *, url: str, key: bytes, policy: ProbePolicy, tls: ssl.SSLContext
    ) -> None:
        self._database = database
        self._clock = clock
        self._url = URL(url)
        self._key = key
        self._policy = policy
        self._resolving = Resolving(policy)
        self._tls = tls

    async def send(self, parcel: Parcel) -> None:
        """Tell of one thing.

        Raises:
            NotNow: the target is away, may not be called, or did not say that it has it.
        """
        account, realm = await self._whose(parcel.notice)
        body = webhook.body(parcel.notice, account=account, realm=realm)
        try:
            async with asyncio.timeout(self._policy.total_seconds):
                status = await self._posted(parcel.id, body)
        except TimeoutError:
            raise NotNow(f"no answer within {self._policy.total_seconds:g} s") from None
        except Unseen as unseen:
            raise NotNow(str(unseen)) from None
        if status not in _TAKEN:
            # Redirects, too: what was checked is the address in the settings.
            raise NotNow(f"it answered with status {status}", is_channel=status not in _OF_THE_MESSAGE)

    async def _whose(self, notice: Notice) -> tuple[str | None, str]:
        """The account, None where it is yet to be made, and the realm."""
        if not notice.registration_id:
            return None, notice.realm
        async with self._database.read() as tx:
            registration = await registrations.by_id(tx, notice.registration_id)
        return registration.account, registration.realm

    async def _posted(self, message_id: str, body: bytes) -> int:
        """Resolve, judge, and post to the first address that takes a connection; what is answered is not read."""
        host, port = (self._url.raw_host or "").rstrip(".").lower(), self._url.port or 443
        failures = []
        for address in (await self._resolving.addresses(host, host))[:MAX_ADDRESSES_TRIED]:
            if why := why_not(address, port, self._policy):
                failures.append(f"{address} is not dialled, for it is {why}")
                continue
            try:
                return await self._post(address, message_id, body)
            except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError):
                raise NotNow(f"{address} did not prove in TLS that it is {host}") from None
            except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError):
                failures.append(f"{address} took no connection on port {port}")
            except aiohttp.ClientError:
                raise NotNow(f"{address} did not answer in HTTP") from None
        raise NotNow("; ".join(failures))

    async def _post(self, address: Address, message_id: str, body: bytes) -> int:
        headers = {
            "Host": self._url.host_port_subcomponent or "",
            "User-Agent": "soapstone",
            "Content-Type": "application/json",
            **webhook.headers(self._key, message_id, body, now=self._clock.now()),
        }
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(sock_connect=self._policy.connect_seconds),
        )
        dialled = self._url.with_host(str(address))
        async with (
            session,
            session.post(
                dialled, data=body, headers=headers, allow_redirects=False, server_hostname=self._url.raw_host
            ) as response,
        ):
            return response.status

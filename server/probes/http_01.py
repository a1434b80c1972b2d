"""http-01 over the network (RFC 8555, 8.3; RFC 8738, 4)."""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from typing import Final

import aiohttp
import msgspec
from yarl import URL

from ca_core import names
from ca_core.errors import BadName
from protocols.acme.probes import Question, Seen
from server.probes.policy import MAX_ADDRESSES_TRIED, Address, ProbePolicy, Unseen, why_not
from server.probes.resolving import Resolving

MAX_PATH_CHARACTERS = 2000
MAX_OCTETS_PAST_EXPECTED = 128

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_HEADERS: Final = {"User-Agent": "soapstone", "Accept-Encoding": "identity"}


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


class Http01:
    """Fetches what a web server shows, by the rules of `policy`."""

    problem_of_timeout = "connection"

    def __init__(self, policy: ProbePolicy, resolving: Resolving) -> None:
        self._policy = policy
        self._resolving = resolving

    def label(self, question: Question) -> str:
        """What is looked at, as users are told of it."""
        return str(self._url(question))

    async def look(self, question: Question) -> Seen:
        """Fetch `http://IDENTIFIER/.well-known/acme-challenge/TOKEN` (RFC 8555, 8.3).

        The identifier is a DNS name without a wildcard, or an address (RFC 8738, 4); white space after the key
        authorization is tolerated.

        Raises:
            Unseen: no answer came that could be judged.
        """
        expected = question.key_authorization.encode()
        answer = await self._follow(_Hop(self._url(question)), len(expected) + MAX_OCTETS_PAST_EXPECTED)
        return _judged(answer, expected)

    def _url(self, question: Question) -> URL:
        path = f"/.well-known/acme-challenge/{question.token}"
        return URL.build(scheme="http", host=question.identifier.value, port=self._policy.http_01_port, path=path)

    async def _follow(self, hop: _Hop, limit: int) -> _Answer:
        while True:
            answer = await self._fetch(hop, limit)
            if answer.status not in _REDIRECTS:
                return answer
            if hop.number == self._policy.max_redirects:
                raise Unseen("connection", f"more than {self._policy.max_redirects} redirects", is_final=True)
            hop = _Hop(redirect_target(hop.url, answer.location, self._policy), hop.number + 1)

    async def _fetch(self, hop: _Hop, limit: int) -> _Answer:
        """Resolve, judge, and ask the first address that takes a connection."""
        port = hop.url.port or 0
        failures, is_final = [], True
        host = (hop.url.raw_host or "").rstrip(".").lower()
        label = f"the host of {hop.label}" if hop.number else host
        for address in (await self._resolving.addresses(host, label))[:MAX_ADDRESSES_TRIED]:
            if why := why_not(address, port, self._policy):
                failures.append(f"{hop.asked(address)} is not dialled, for it is {why}")
                continue
            try:
                return await self._get(hop, address, limit)
            except aiohttp.ClientSSLError:
                raise Unseen("tls", f"{hop.asked(address)} failed in the TLS handshake") from None
            except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError):
                failures.append(f"{hop.asked(address)} took no connection on port {port}")
                is_final = False
            except aiohttp.ClientError:
                raise Unseen("connection", f"{hop.asked(address)} did not answer in HTTP") from None
        raise Unseen("connection", "; ".join(failures), is_final=is_final)

    async def _get(self, hop: _Hop, address: Address, limit: int) -> _Answer:
        timeout = aiohttp.ClientTimeout(sock_connect=self._policy.connect_seconds)
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
            session.get(dialled, allow_redirects=False, server_hostname=hop.url.raw_host) as response,
        ):
            body = await _read(response.content, limit)
            return _Answer(hop.asked(address), response.status, response.headers.get("Location"), body)


def redirect_target(url: URL, location: str | None, policy: ProbePolicy) -> URL:
    """Where a redirect leads, if it may be followed: http or https, a known port, a bounded path."""
    try:
        target = url.join(URL(location or "")).with_fragment(None)
        # Before the resolver, the Host header and the TLS handshake see it: other spellings upset them.
        _check_host((target.raw_host or "").rstrip("."))
    except (ValueError, BadName):
        raise Unseen("unauthorized", "a redirect leads to what is no URL") from None
    if not location or target.scheme not in {"http", "https"}:
        raise Unseen("unauthorized", "a redirect leads to something other than http or https")
    if target.user is not None or target.password is not None:
        raise Unseen("unauthorized", "a redirect with a user or a password is not followed")
    if target.port not in {80, 443, policy.http_01_port}:
        raise Unseen("unauthorized", "a redirect leads to a port other than 80 and 443")
    if len(target.raw_path_qs) > MAX_PATH_CHARACTERS:
        raise Unseen("unauthorized", f"a redirect is longer than {MAX_PATH_CHARACTERS} characters")
    return target


def _check_host(host: str) -> None:
    try:
        address = ip_address(host)
    except ValueError:
        names.dns(host)
        return
    # RFC 6874: the zone of an address is a matter of its own host; here it would only be one more spelling.
    if getattr(address, "scope_id", None) is not None:
        raise ValueError("an address with a zone")


def _judged(answer: _Answer, expected: bytes) -> Seen:
    if answer.status != 200:  # noqa: PLR2004 - the number is the clearest name of "OK".
        detail = f"{answer.asked} answered with status {answer.status} where 200 was expected"
        return Seen(proved=False, problem="incorrectResponse", detail=detail)
    # RFC 8555, 8.3: white space at the end of the body should be ignored.
    if not hmac.compare_digest(answer.body.rstrip(), expected):
        detail = f"{answer.asked} holds something other than the key authorization"
        return Seen(proved=False, problem="incorrectResponse", detail=detail)
    return Seen(proved=True)


async def _read(stream: aiohttp.StreamReader, limit: int) -> bytes:
    body = b""
    while len(body) < limit and (chunk := await stream.read(limit - len(body))):
        body += chunk
    return body

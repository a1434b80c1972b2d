"""The ACME client of the benchmarks: accounts, and whole issuances of four signed POSTs each.

The four are newOrder, finalize, the order and its certificate (RFC 8555, 7.4). Keys, requests and payloads are made
beforehand; a JWS holds a nonce of the server's, so it is signed when it is sent, with P-256. One account and one
connection belong to a lane; the nonce of an answer goes into the next request.
"""

from __future__ import annotations

import itertools
import json
import ssl
import sys
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from bench import loading
from bench.report import Run
from bench.wire import Answer, Connection, Steps
from conformance.acme import b64, bound, csr, es256, jwk_of, new_key

_ATTEMPTS = 3
_AGAIN_SECONDS = 0.002
"""How long a client waits before it looks at an order again that is being issued."""


class Place(NamedTuple):
    """Where an ACME server is: a port of this machine, the directory's path, and how its TLS is verified."""

    port: int
    directory: str
    context: ssl.SSLContext

    @property
    def host(self) -> str:
        """The Host header."""
        return f"localhost:{self.port}"


class Wanted(NamedTuple):
    """One certificate that is wanted: the payloads of newOrder and finalize, in base64url."""

    order: str
    finalize: str


class Peer(NamedTuple):
    """A server that is asked: its processes, accounts with what each of them wants.

    Attributes:
        settling: seconds of work that it leaves for afterwards.
        most: certificates a second that are prepared for a run; it does fewer.
    """

    pids: tuple[int, ...]
    supply: list[tuple[Account, Iterator[Wanted]]]
    settling: float = 0.1
    most: int = 1_000

    def close(self) -> None:
        """Leave its connections; accounts that resume open others."""
        for account, _ in self.supply:
            account.close()


class Order(msgspec.Struct):
    """What a client reads of an order."""

    status: str
    finalize: str
    authorizations: list[str]
    certificate: str = ""


_orders = msgspec.json.Decoder(Order)


class Account:
    """One ACME account on a connection of its own."""

    def __init__(self, place: Place) -> None:
        self.posts = 0
        self._place = place
        self._connection = Connection(place.context, place.port)
        self._key = new_key()
        self._who = f'"jwk":{json.dumps(jwk_of(self._key))}'
        self._nonce = ""
        self._order_url = ""
        self._nonce_path = ""

    def open(self, eab: dict[str, Any] | None = None) -> Steps[None]:
        """Make the account; with an EAB key where the server wants one.

        Args:
            eab: `kid` and `hmac_key` of a sheet.
        """
        directory = json.loads((yield from self._get("GET", self._place.directory)).body)
        self._order_url = directory["newOrder"]
        self._nonce_path = directory["newNonce"].partition(self._place.host)[2]
        yield from self._get("HEAD", self._nonce_path)
        payload: dict[str, Any] = {"termsOfServiceAgreed": True, "contact": ["mailto:bench@bench.example"]}
        if eab is not None:
            payload["externalAccountBinding"] = bound(eab, directory["newAccount"], jwk_of(self._key))
        answer = yield from self.post(directory["newAccount"], encoded(payload))
        self._who = f'"kid":"{answer.field(b"Location")}"'

    def resume(self) -> Steps[None]:
        """Go on with a server that was started anew."""
        self._connection.close()
        yield from self._get("HEAD", self._nonce_path)

    def post(self, url: str, payload: str) -> Steps[Answer]:
        """A signed POST; `payload` is in base64url, and empty for a POST-as-GET.

        A nonce that is refused is replaced by that of the answer (RFC 8555, 6.5), and each attempt is counted.
        """
        answer = yield from self._attempt(url, payload)
        for _ in range(_ATTEMPTS - 1):
            if answer.status != 400 or b"badNonce" not in answer.body:  # noqa: PLR2004  # RFC 8555, 6.5
                break
            answer = yield from self._attempt(url, payload)
        if answer.status not in {200, 201}:
            sys.exit(f"{url}: {answer.head.decode()}\n{answer.body.decode()}")
        return answer

    def _attempt(self, url: str, payload: str) -> Steps[Answer]:
        protected = b64(f'{{"alg":"ES256",{self._who},"nonce":"{self._nonce}","url":"{url}"}}'.encode())
        signature = b64(es256(self._key, f"{protected}.{payload}".encode()))
        body = f'{{"protected":"{protected}","payload":"{payload}","signature":"{signature}"}}'
        path = url.partition(self._place.host)[2]
        head = f"POST {path} HTTP/1.1\r\nHost: {self._place.host}\r\nUser-Agent: bench\r\n"
        kind = f"Content-Type: application/jose+json\r\nContent-Length: {len(body)}\r\n\r\n"
        answer = yield from self._connection.ask((head + kind + body).encode())
        self._nonce = answer.field(b"Replay-Nonce")
        self.posts += 1
        return answer

    def order(self, wanted: Wanted) -> Steps[tuple[str, Order]]:
        """Place an order; its URL, and what it is."""
        answer = yield from self.post(self._order_url, wanted.order)
        return answer.field(b"Location"), _orders.decode(answer.body)

    def issue(self, wanted: Wanted) -> Steps[bytes]:
        """A whole issuance; returns the chain in PEM."""
        url, order = yield from self.order(wanted)
        if order.status == "pending":
            # One peer only looks at what is vetted when it is asked about an authorization.
            for authorization in order.authorizations:
                yield from self.post(authorization, "")
        yield from self.post(order.finalize, wanted.finalize)
        # A client that took the certificate's address from finalize's answer would save a request; most ask again.
        order = _orders.decode((yield from self.post(url, "")).body)
        while order.status == "processing":
            yield _AGAIN_SECONDS
            order = _orders.decode((yield from self.post(url, "")).body)
        if order.status != "valid":
            sys.exit(f"{url}: the order is {order.status}")
        pem = (yield from self.post(order.certificate, "")).body
        if not pem.startswith(b"-----BEGIN CERTIFICATE-----"):
            sys.exit(f"{order.certificate}: no certificate: {pem.decode()}")
        return pem

    def close(self) -> None:
        """Leave the connection."""
        self._connection.close()

    def _get(self, method: str, path: str) -> Steps[Answer]:
        request = f"{method} {path} HTTP/1.1\r\nHost: {self._place.host}\r\nUser-Agent: bench\r\n\r\n"
        answer = yield from self._connection.ask(request.encode(), has_body=method != "HEAD")
        self._nonce = answer.field(b"Replay-Nonce")
        return answer


def encoded(payload: dict[str, Any]) -> str:
    """A payload in base64url."""
    return b64(json.dumps(payload).encode())


def wanted(name: str) -> Wanted:
    """A certificate for one DNS name, with a new P-256 key."""
    order = {"identifiers": [{"type": "dns", "value": name}]}
    return Wanted(encoded(order), encoded({"csr": b64(csr(new_key(), name))}))


def fresh(zone: str) -> Iterator[Wanted]:
    """Certificates for names in a zone that never come again."""
    return (wanted(f"host{number}.{zone}") for number in itertools.count())


def measured(peer: Peer, lanes: int, seconds: float, *, most: int | None = None) -> Run:
    """One run: prepare requests, send them, some at a time, and see what it cost.

    Args:
        most: certificates after which it ends before its time.
    """
    each = (int(seconds * peer.most) if most is None else most) // lanes + 1
    asked = [(account.issue, deque(itertools.islice(wants, each))) for account, wants in peer.supply[:lanes]]
    before = sum(account.posts for account, _ in peer.supply)
    run = loading.measured(peer.pids, asked, seconds, settling=peer.settling)
    posts = sum(account.posts for account, _ in peer.supply) - before
    return run._replace(posts=posts / (each * lanes - sum(len(left) for _, left in asked)))

"""No request makes ACME answer with an error of ours: good requests, changed anywhere, are served or refused.

`SOAPSTONE_MUTATIONS` is how many are sent: 1,000 by default, 100,000 in `make test-long`.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ca_core.errors import BadRequest
from ca_core.names import dns
from protocols.acme.links import Resource
from protocols.encoding import base64url, from_base64url
from tests.builders import jws
from tests.builders.acme import BASE, JOSE, LINKS, AcmeHouse, Answer, Client, acme_house, csr_for
from tests.builders.core import granted

MUTATIONS = int(os.environ.get("SOAPSTONE_MUTATIONS", "1000"))

T = TypeVar("T")
Json = Any
Good = tuple[str, Json, bool]
"""Where to, with which payload, and whether by key instead of by account."""

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.just("a" * 5_000),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
members = st.sampled_from(
    [
        *("alg", "kid", "jwk", "url", "nonce", "crit", "b64", "identifiers", "identifier", "type", "value", "csr"),
        *("certificate", "reason", "contact", "status", "profile", "notBefore", "notAfter", "replaces", "oldKey"),
        *("account", "externalAccountBinding", "onlyReturnExisting", "termsOfServiceAgreed", "ancestorDomain", "x"),
    ]
)


class Bench:
    """A house, a client with something of everything, and what that client may well send."""

    def __init__(self, folder: Any) -> None:
        self.runner, self.open = asyncio.Runner(), AsyncExitStack()
        self.house: AcmeHouse = self.run(self.open.enter_async_context(acme_house(folder)))
        self.good = self.run(self.furnish())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    def close(self) -> None:
        self.run(self.open.aclose())
        self.runner.close()

    async def furnish(self) -> list[Good]:
        vetted, challenged = granted(dns("a.example"), dns("b.example")), granted(dns("p.example"), vetted=False)
        self.sheet = await self.house.core.register("acme-corp", *vetted, *challenged, kind="partner")
        self.client = self.house.client()
        await self.client.new_account(self.sheet)
        held = await self.client.certificate("b.example")
        ready, pending = await self.client.order("a.example"), await self.client.order("p.example")
        authorization = pending.json["authorizations"][0]
        challenge = (await self.client.post(authorization)).json["challenges"][0]["url"]
        names: dict[str, Any] = {
            "identifiers": [{"type": "dns", "value": "a.example"}, {"type": "dns", "value": "p.example"}]
        }
        names |= {"profile": "tls-server", "notAfter": "2031-01-01T00:00:00Z"}
        csr = base64url(csr_for("a.example", key=jws.signer("ES256", 7).private))
        certificate = base64url(held.public_bytes(Encoding.DER))
        key, url = jws.signer("ES256", 8), LINKS.to(Resource.KEY_CHANGE)
        change = json.dumps({"account": self.client.kid, "oldKey": self.client.signer.jwk}).encode()
        return [
            (
                LINKS.to(Resource.NEW_ORDER),
                names,
                False,
            ),
            (LINKS.to(Resource.NEW_AUTHZ), {"identifier": {"type": "dns", "value": "p.example"}}, False),
            (LINKS.to(Resource.NEW_ACCOUNT), {"contact": ["mailto:a@a.example"], "onlyReturnExisting": False}, True),
            (LINKS.to(Resource.NEW_ACCOUNT), {"externalAccountBinding": self.client.binding(self.sheet)}, True),
            (LINKS.to(Resource.REVOKE_CERT), {"certificate": certificate, "reason": 2}, False),
            (LINKS.to(Resource.REVOKE_CERT), {"certificate": certificate, "reason": 1}, True),
            (url, jws.flattened({"alg": "ES256", "jwk": key.jwk, "url": url}, change[:-1] + b" ", key.sign), False),
            (str(self.client.kid), {"contact": ["mailto:a@a.example"], "status": "valid"}, False),
            (f"{self.client.kid}/orders", b"", False),
            (ready.json["finalize"], {"csr": csr}, False),
            (pending.json["finalize"], {"csr": csr}, False),
            (ready.header("Location"), b"", False),
            (authorization, {"status": "valid"}, False),
            (challenge, {"keyAuthorization": "x"}, False),
        ]

    def send(self, url: str, payload: Json, *, by_key: bool, change: Callable[[Json], Json], source: str) -> Answer:
        """Sign a request whose header was changed."""
        nonce = self.run(self.house.nonce())
        by = {"jwk": self.client.signer.jwk} if by_key else {"kid": self.client.kid}
        header = change({"alg": "ES256", "url": url, "nonce": nonce, **by})
        octets = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        body = json.dumps(jws.flattened(header, octets, self.client.signer.sign)).encode()
        return self.run(self.house.send("POST", url, body, source=source))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("bench"))
    yield made
    made.close()


@st.composite
def changed(draw: st.DrawFn, value: Json) -> Json:
    """A JSON value with something replaced, taken away or added, somewhere in it."""
    if isinstance(value, str) and draw(st.booleans()):
        return draw(spoiled_text(value))
    if not isinstance(value, dict | list) or not value or draw(st.integers(0, 5)) == 0:
        return draw(anything)
    if isinstance(value, list):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], draw(changed(value[at])), *value[at + draw(st.integers(0, 1)) :]]
    match draw(st.integers(0, 5)):
        case 0:
            gone = draw(st.sampled_from(sorted(value)))
            return {name: one for name, one in value.items() if name != gone}
        case 1:
            return {**value, draw(members): draw(anything)}
        case _:
            name = draw(st.sampled_from(sorted(value)))
            return {**value, name: draw(changed(value[name]))}


@st.composite
def spoiled_text(draw: st.DrawFn, text: str) -> str:
    """Of base64url, other octets; of anything else, other characters."""
    try:
        return base64url(draw(spoiled(from_base64url(text))))
    except BadRequest:
        return draw(st.text(max_size=3)) + text + draw(st.text(max_size=3))


@st.composite
def spoiled(draw: st.DrawFn, octets: bytes) -> bytes:
    """Octets of which some are others, missing, or more."""
    at = draw(st.integers(0, len(octets)))
    return octets[:at] + draw(st.binary(max_size=4)) + octets[at + draw(st.integers(0, 6)) :]


many = settings(
    max_examples=max(1, MUTATIONS // 4),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
pytestmark = pytest.mark.timeout(120 + MUTATIONS // 20)


def serves_or_refuses(answer: Answer) -> None:
    assert answer.status < 500, answer
    assert len(answer.header("Replay-Nonce")) == 43
    assert answer.status < 400 or answer.problem


@many
@given(data=st.data())
def test_a_changed_payload_is_served_or_refused(bench: Bench, data: st.DataObject) -> None:
    url, payload, by_key = data.draw(st.sampled_from(bench.good))
    other = data.draw(spoiled(payload) if isinstance(payload, bytes) else changed(payload))
    source = f"192.0.2.{data.draw(st.integers(1, 254))}"

    serves_or_refuses(bench.send(url, other, by_key=by_key, change=lambda header: header, source=source))


@many
@given(data=st.data())
def test_a_changed_header_is_served_or_refused(bench: Bench, data: st.DataObject) -> None:
    url, payload, by_key = data.draw(st.sampled_from(bench.good))

    serves_or_refuses(
        bench.send(url, payload, by_key=by_key, change=lambda header: data.draw(changed(header)), source="192.0.2.9")
    )


@many
@given(data=st.data())
def test_a_changed_body_is_served_or_refused(bench: Bench, data: st.DataObject) -> None:
    url, payload, _ = data.draw(st.sampled_from(bench.good))
    octets = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    header = {"alg": "ES256", "url": url, "nonce": bench.run(bench.house.nonce()), "kid": bench.client.kid}
    body = json.dumps(jws.flattened(header, octets, bench.client.signer.sign)).encode()

    serves_or_refuses(bench.run(bench.house.send("POST", url, data.draw(spoiled(body)))))


@many
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]),
    url=st.sampled_from([resource.replace("ID", "0" * 32) for resource in Resource]).flatmap(spoiled_text),
    body=st.binary(max_size=64),
    media_type=st.sampled_from([JOSE, JOSE.upper(), "application/json", "", "a" * 9_000]),
)
def test_any_method_path_and_body_are_served_or_refused(
    bench: Bench, method: str, url: str, body: bytes, media_type: str
) -> None:
    answer = bench.run(bench.house.send(method, f"{BASE}/acme{url}", body, media_type=media_type))

    assert answer.status < 500
    assert answer.status < 400 or answer.problem


def test_what_was_good_still_is(bench: Bench) -> None:
    """After all of it: the requests are good ones but for what is said of them, and the account lives."""
    client = Client(bench.house, bench.client.signer, bench.client.kid)

    assert bench.run(client.post(str(client.kid))).json["status"] == "valid"
    assert bench.run(client.post(f"{client.kid}/orders")).status == 200

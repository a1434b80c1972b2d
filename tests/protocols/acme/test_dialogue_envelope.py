"""The envelope and what every reply carries: RFC 8555, 6.2 to 6.5, 7.1 and 7.2; WIRE, The envelope."""

from __future__ import annotations

import asyncio
import json

import pytest

from ca_core.errors import BadRequest
from protocols.acme.links import Resource
from tests.builders import jws
from tests.builders.acme import BASE, JOSE, LINKS, AcmeHouse, Answer, statuses
from tests.builders.jws import b64, hmac_sign, signer

NEW_ORDER = LINKS.to(Resource.NEW_ORDER)
NEW_NONCE = LINKS.to(Resource.NEW_NONCE)
DIRECTORY = LINKS.to(Resource.DIRECTORY)
INDEX = f'<{DIRECTORY}>;rel="index"'


async def test_the_directory_is_for_everybody(house: AcmeHouse) -> None:
    answer = await house.send("GET", DIRECTORY)

    assert answer.status == 200
    assert answer.json["newOrder"] == NEW_ORDER
    assert "Replay-Nonce" not in answer.headers
    assert "Link" not in answer.headers


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204)])
async def test_new_nonce_hands_out_nonces(house: AcmeHouse, method: str, status: int) -> None:
    answers = [await house.send(method, NEW_NONCE) for _ in range(2)]

    assert [answer.status for answer in answers] == [status, status]
    assert answers[0].header("Replay-Nonce") != answers[1].header("Replay-Nonce")
    assert answers[0].header("Cache-Control") == "no-store"
    assert answers[0].header("Link") == INDEX


@pytest.mark.parametrize(("url", "status"), [(DIRECTORY, 200), (NEW_NONCE, 204)])
async def test_directory_and_nonces_can_be_had_by_post_as_get(house: AcmeHouse, url: str, status: int) -> None:
    client = await house.subscriber("acme-corp")

    assert (await client.post(url)).status == status
    assert (await client.post(url, {})).refusal == (400, "malformed")


@pytest.mark.parametrize(
    ("sent", "media_type", "body", "status"),
    [
        (("GET", f"{BASE}/acme/nowhere"), JOSE, b"", 404),
        (("POST", f"{BASE}/acme/nowhere"), JOSE, b"{}", 404),
        (("GET", NEW_ORDER), JOSE, b"", 405),
        (("DELETE", DIRECTORY), JOSE, b"", 405),
        (("POST", NEW_ORDER), "application/json", b"{}", 415),
        (("POST", NEW_ORDER), f"{JOSE}; charset=utf-8", b"{}", 415),
        (("POST", NEW_ORDER), JOSE, b"x" * 50_001, 413),
        (("POST", NEW_ORDER), JOSE, b"{}", 400),
        (("POST", NEW_ORDER), JOSE, b"", 415),
    ],
)
async def test_every_error_is_a_problem_with_a_nonce(
    house: AcmeHouse, sent: tuple[str, str], media_type: str, body: bytes, status: int
) -> None:
    answer = await house.send(*sent, body, media_type=media_type)

    assert answer.refusal == (status, "malformed")
    assert answer.header("Replay-Nonce")
    assert INDEX in answer.headers["Link"]
    assert answer.header("Cache-Control") == "no-store"
    assert answer.header("Access-Control-Allow-Origin") == "*"


async def test_a_method_that_is_not_known_is_told_the_others(house: AcmeHouse) -> None:
    assert (await house.send("GET", NEW_ORDER)).header("Allow") == "POST, OPTIONS"
    assert (await house.send("PUT", DIRECTORY)).header("Allow") == "GET, HEAD, POST, OPTIONS"


async def test_browsers_may_ask_first(house: AcmeHouse) -> None:
    answer = await house.send("OPTIONS", NEW_ORDER)

    assert answer.status == 204
    assert answer.header("Access-Control-Allow-Methods") == "POST, OPTIONS"
    assert answer.header("Access-Control-Allow-Headers") == "Content-Type"
    assert "Replay-Nonce" in answer.header("Access-Control-Expose-Headers")


def test_a_bug_is_answered_in_acme_too(house: AcmeHouse) -> None:
    reply = dict(house.dialogue.bug_reply("4f1c").headers)

    assert reply["Content-Type"] == "application/problem+json"
    assert reply["Replay-Nonce"]
    assert reply["Link"] == INDEX


async def test_a_nonce_is_good_once(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp")
    nonce = await house.nonce()

    first = await client.post(str(client.kid), nonce=nonce)
    second = await client.post(str(client.kid), nonce=nonce)

    assert first.status == 200
    assert second.refusal == (400, "badNonce")


async def test_of_a_hundred_requests_with_one_nonce_one_passes(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp")
    nonce = await house.nonce()

    answers = await asyncio.gather(*(client.post(str(client.kid), nonce=nonce) for _ in range(100)))

    assert statuses(answers) == [200] + [400] * 99


async def test_the_nonce_of_an_error_can_be_used(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp")
    error = await client.post(str(client.kid), nonce=b64(bytes(32)))

    assert error.refusal == (400, "badNonce")
    assert (await client.post(str(client.kid), nonce=error.header("Replay-Nonce"))).status == 200


async def test_nobody_burns_anothers_nonce(house: AcmeHouse) -> None:
    client, stranger = await house.subscriber("acme-corp"), house.client(1)
    nonce = await house.nonce()
    stranger.kid = client.kid

    forged = await stranger.post(str(client.kid), nonce=nonce)

    assert forged.refusal == (400, "malformed")
    assert (await client.post(str(client.kid), nonce=nonce)).status == 200


@pytest.mark.parametrize(
    "signed_url",
    [
        LINKS.to(Resource.REVOKE_CERT),
        f"{NEW_ORDER}/",
        f"{NEW_ORDER}?a=b",
        NEW_ORDER.replace("ca.example", "other.example"),
        NEW_ORDER.replace("https", "http"),
    ],
)
async def test_a_request_goes_where_it_was_signed_for(house: AcmeHouse, signed_url: str) -> None:
    client = await house.subscriber("acme-corp", "a.example")

    answer = await client.post(NEW_ORDER, {"identifiers": []}, signed_url=signed_url)

    assert answer.refusal == (403, "unauthorized")


async def test_a_query_must_be_signed(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")

    answer = await client.post(f"{client.kid}/orders?cursor={'0' * 32}", signed_url=f"{client.kid}/orders")

    assert answer.refusal == (403, "unauthorized")


async def test_a_kid_of_another_account_does_not_sign(house: AcmeHouse) -> None:
    victim = await house.subscriber("victim", "a.example")
    thief = await house.subscriber("thief", which=1)
    thief.kid = victim.kid

    assert (await thief.order("a.example")).refusal == (400, "malformed")


@pytest.mark.parametrize(
    "kid",
    [
        "1",
        f"{BASE}/acme/account/{'0' * 32}",
        f"https://other.example/acme/account/{'0' * 32}",
        f"{BASE}/acme/order/{'0' * 32}",
    ],
)
async def test_a_kid_that_names_no_account_is_told_so(house: AcmeHouse, kid: str) -> None:
    client = house.client()
    client.kid = kid

    assert (await client.order("a.example")).refusal == (400, "accountDoesNotExist")


async def test_new_account_takes_a_key_and_the_others_an_account(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")

    by_kid = await client.post(LINKS.to(Resource.NEW_ACCOUNT), {})
    by_key = await client.post(NEW_ORDER, {"identifiers": []}, by_key=True)

    assert by_kid.refusal == (400, "malformed")
    assert by_key.refusal == (400, "malformed")


async def test_jwk_and_kid_do_not_go_together(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    body = jws.request(client.signer, url=NEW_ORDER, nonce=await house.nonce(), kid=client.kid, jwk=client.signer.jwk)

    assert (await house.send("POST", NEW_ORDER, body)).refusal == (400, "malformed")


async def test_an_algorithm_off_the_list_is_told_the_list(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    header = {"alg": "none", "url": NEW_ORDER, "nonce": await house.nonce(), "kid": client.kid}
    body = json.dumps(jws.flattened(header, b"", lambda _: b"")).encode()

    answer = await house.send("POST", NEW_ORDER, body)

    assert answer.refusal == (400, "badSignatureAlgorithm")
    assert "ES256" in answer.json["algorithms"]
    assert "none" not in answer.json["algorithms"]


async def test_the_public_key_is_no_mac_key(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    header = {"alg": "HS256", "url": NEW_ORDER, "nonce": await house.nonce(), "kid": client.kid}
    forged = jws.flattened(header, b"", lambda data: hmac_sign("HS256", client.signer.spki, data))

    answer = await house.send("POST", NEW_ORDER, json.dumps(forged).encode())

    assert answer.refusal == (400, "badSignatureAlgorithm")


async def test_the_algorithm_belongs_to_the_key(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    other = signer("ES384")
    body = jws.request(other, url=NEW_ORDER, nonce=await house.nonce(), kid=client.kid)

    answer = await house.send("POST", NEW_ORDER, body)

    assert answer.refusal == (400, "badSignatureAlgorithm")
    assert answer.json["algorithms"] == ["ES256"]


@pytest.mark.parametrize("alg", jws.ALGORITHMS)
async def test_every_kind_of_key_can_have_an_account(house: AcmeHouse, alg: str) -> None:
    sheet = await house.core.register("acme-corp")
    client = house.client(alg=alg)

    created = await client.new_account(sheet)
    shown: Answer = await client.post(str(client.kid))

    assert (created.status, shown.status) == (201, 200)


async def test_a_request_that_could_not_be_read_is_refused_with_a_problem_and_a_nonce(house: AcmeHouse) -> None:
    reply = house.dialogue.refuse(BadRequest("not framed as its headers say"))

    headers = dict(reply.headers)
    assert (reply.status, json.loads(reply.body)["type"]) == (400, "urn:ietf:params:acme:error:malformed")
    assert headers["Replay-Nonce"]
    assert headers["Link"] == INDEX

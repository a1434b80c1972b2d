"""Attacks on the envelope (WIRE, "The envelope" and "Attacks that must fail"), and the tests that show them fail.

=============================================  ================================================================
1  size, media type                            test_what_is_no_request_of_acme_is_refused
2  shape, duplicates, crit, b64, base64url     test_an_envelope_of_another_shape_is_refused
3  HS256 with the public key                   test_a_mac_with_the_public_key_is_no_signature
3  an embedded oct key                         test_an_embedded_symmetric_key_is_no_key
3  private members in a key                    test_a_key_with_its_private_half_is_refused
3  none, and an alg of another kind of key     test_an_algorithm_that_does_not_fit_is_told_what_does
4  jwk plus kid                                test_jwk_and_kid_together_are_malformed
4  kid of another account                      test_the_kid_of_another_account_does_not_help
4  kid that is not ours                        test_a_kid_that_is_not_ours_is_refused
5  signature before nonce                      test_a_wrong_signature_does_not_burn_the_nonce
5  url of a sibling endpoint                   test_the_url_of_a_sibling_is_unauthorized
5  Host header                                 test_the_host_header_does_not_say_where_we_are
5  nonce 100 times in parallel                 test_a_nonce_works_once_among_a_hundred
5  nonce after a restart                       test_a_nonce_does_not_survive_a_restart
6  every error has its header fields           test_every_error_has_a_nonce_and_leads_to_the_directory
=============================================  ================================================================
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from conformance import stores
from conformance.acme import Client, b64, jwk_of, new_key
from conformance.hostile.conftest import account, refused, registered, state
from conformance.house import House

Jws = dict[str, Any]

ENVELOPES: dict[str, Callable[[Jws], Jws | str]] = {
    "unprotected header": lambda jws: jws | {"header": {"alg": "ES256"}},
    "general form": lambda jws: {"payload": jws["payload"], "signatures": [jws]},
    "both forms": lambda jws: jws | {"signatures": [jws]},
    "padded payload": lambda jws: jws | {"payload": jws["payload"] + "="},
    "payload with a newline": lambda jws: jws | {"payload": jws["payload"] + "\n"},
    "padded header": lambda jws: jws | {"protected": jws["protected"] + "="},
    "header with a blank": lambda jws: jws | {"protected": jws["protected"] + " "},
    "stray last bits": lambda jws: jws | {"signature": jws["signature"][:-1] + chr(ord(jws["signature"][-1]) + 1)},
    "null payload": lambda jws: jws | {"payload": None},
    "no payload": lambda jws: {name: value for name, value in jws.items() if name != "payload"},
    "two payloads": lambda jws: json.dumps(jws)[:-1] + f', "payload": "{jws["payload"]}"}}',
    "compact form": lambda jws: f"{jws['protected']}.{jws['payload']}.{jws['signature']}",
}


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"{}", "application/json", 415),
        (b"{}", "application/jose+json; charset=utf-8", 415),
        (b"{}", "", 415),
        (b"x" * 50_001, "application/jose+json", 413),
        (b"x" * 2_000_000, "application/jose+json", 413),
        (b"", "application/jose+json", 400),
        (b"{", "application/jose+json", 400),
        (b"\xff\xfe", "application/jose+json", 400),
        (b"[" * 40_000, "application/jose+json", 400),
    ],
)
def test_what_is_no_request_of_acme_is_refused(client: Client, body: bytes, media_type: str, status: int) -> None:
    # A body that is too large may be answered before it is read, and then the answer is all that comes.
    refused(client.send(client.directory["newOrder"], body, media_type), status, "malformed")


@pytest.mark.parametrize("shape", ENVELOPES)
def test_an_envelope_of_another_shape_is_refused(client: Client, shape: str) -> None:
    made = ENVELOPES[shape](client.signed(str(client.account), {"status": "deactivated"}))

    answer = client.send(str(client.account), made.encode() if isinstance(made, str) else made)

    refused(answer, 400, "malformed")
    assert client.post(str(client.account)).json["status"] == "valid"


@pytest.mark.parametrize("header", [{"crit": ["exp"], "exp": 1}, {"crit": []}, {"b64": False}, {"b64": True}])
def test_extensions_that_nobody_understands_are_refused(client: Client, header: Jws) -> None:
    refused(client.post(str(client.account), {"status": "deactivated"}, header=header), 400, "malformed")
    assert client.post(str(client.account)).json["status"] == "valid"


def test_a_mac_with_the_public_key_is_no_signature(client: Client) -> None:
    before = state(client)
    spki = client.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = client.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for secret in (spki, pem, json.dumps(jwk_of(client.key)).encode()):
        jws = client.signed(str(client.account), {"status": "deactivated"}, header={"alg": "HS256"})
        jws["signature"] = b64(hmac.digest(secret, f"{jws['protected']}.{jws['payload']}".encode(), hashlib.sha256))

        refused(client.send(str(client.account), jws), 400, "badSignatureAlgorithm")
    assert state(client) == before


def test_an_embedded_symmetric_key_is_no_key(client: Client) -> None:
    secret = b"0" * 32
    for algorithm, problem in (("HS256", "badSignatureAlgorithm"), ("ES256", "badPublicKey")):
        header = {"alg": algorithm, "jwk": {"kty": "oct", "k": b64(secret)}}
        jws = client.signed(client.directory["newAccount"], {}, header=header, without=("kid",))
        jws["signature"] = b64(hmac.digest(secret, f"{jws['protected']}.{jws['payload']}".encode(), hashlib.sha256))

        refused(client.send(client.directory["newAccount"], jws), 400, problem)


def test_a_key_with_its_private_half_is_refused(client: Client) -> None:
    private = b64(client.key.private_numbers().private_value.to_bytes(32, "big"))

    answer = client.post(
        client.directory["newAccount"], {}, header={"jwk": jwk_of(client.key) | {"d": private}}, without=("kid",)
    )

    refused(answer, 400, "badPublicKey")
    assert private not in answer.body.decode()


@pytest.mark.parametrize("algorithm", ["none", "None", "", "ES384", "RS256", "EdDSA", "ML-DSA-44", "HS512"])
def test_an_algorithm_that_does_not_fit_is_told_what_does(client: Client, algorithm: str) -> None:
    answer = client.post(str(client.account), {"status": "deactivated"}, header={"alg": algorithm})

    refused(answer, 400, "badSignatureAlgorithm")
    assert "ES256" in answer.json["algorithms"]
    assert client.post(str(client.account)).json["status"] == "valid"


def test_jwk_and_kid_together_are_malformed(client: Client) -> None:
    refused(client.post(client.directory["newOrder"], {}, header={"jwk": jwk_of(client.key)}), 400, "malformed")
    refused(client.post(client.directory["newOrder"], {}, without=("kid",)), 400, "malformed")


def test_the_kid_of_another_account_does_not_help(acme: House, sheet: dict[str, Any], client: Client) -> None:
    victim = account(acme, sheet)
    before = state(victim)

    for url in (client.directory["newOrder"], str(victim.account)):
        refused(client.post(url, {"status": "deactivated"}, header={"kid": victim.account}), 400, "malformed")
    assert state(victim) == before


@pytest.mark.parametrize(
    "kid",
    [
        "https://evil.example/acme/account/1",
        "https://localhost.evil.example:PORT/acme/account/ID",
        "http://localhost:PORT/acme/account/ID",
        "https://localhost:PORT/acme/account/ID/",
        "https://localhost:PORT/acme/account/ID/orders",
        "https://localhost:PORT/acme/account/../account/ID",
        "ID",
        "",
    ],
)
def test_a_kid_that_is_not_ours_is_refused(acme: House, client: Client, kid: str) -> None:
    own = str(client.account).rpartition("/")[2]

    answer = client.post(
        client.directory["newOrder"], {}, header={"kid": kid.replace("PORT", str(acme.port)).replace("ID", own)}
    )

    refused(answer, 400, "accountDoesNotExist")


def test_the_url_of_a_sibling_is_unauthorized(client: Client) -> None:
    before = state(client)
    payload = {"identifiers": [{"type": "dns", "value": "sibling.partner.example"}], "status": "deactivated"}

    for url in (client.directory["revokeCert"], client.directory["newAuthz"], str(client.account)):
        refused(client.send(url, client.signed(client.directory["newOrder"], payload)), 403, "unauthorized")
    assert state(client) == before


def test_the_host_header_does_not_say_where_we_are(acme: House, client: Client) -> None:
    evil = "evil.example"
    url = str(client.account)
    jws = client.signed(url.replace("localhost", evil), None)
    headers = {"Content-Type": "application/jose+json", "Host": f"{evil}:{acme.port}"}

    refused(client.raw("POST", url, json.dumps(jws).encode(), headers), 403, "unauthorized")
    directory = client.raw("GET", "/acme/directory", headers=headers)
    assert evil not in directory.body.decode()


def test_a_wrong_signature_does_not_burn_the_nonce(client: Client) -> None:
    jws = client.signed(str(client.account), None)

    refused(client.send(str(client.account), jws | {"signature": b64(b"0" * 64)}), 400, "malformed")
    assert client.send(str(client.account), jws).status == 200


def test_a_nonce_works_once_among_a_hundred(client: Client) -> None:
    jws = client.signed(str(client.account), None)

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: client.send(str(client.account), jws).status, range(100)))

    assert sorted(statuses) == [200] + [400] * 99
    refused(client.send(str(client.account), jws), 400, "badNonce")


def test_a_nonce_does_not_survive_a_restart(house: House) -> None:
    """Spent, nowhere; and fresh, only where other servers go on that take it, too."""
    client = account(house, registered(house))
    used, unused = client.signed(str(client.account), None), client.signed(str(client.account), None)
    client.send(str(client.account), used)
    house.stop()
    house.start()

    refused(client.send(str(client.account), used), 400, "badNonce")
    if house.store == stores.IN_A_FILE:
        refused(client.send(str(client.account), unused), 400, "badNonce")
    else:
        assert client.send(str(client.account), unused).status == 200
        refused(client.send(str(client.account), unused), 400, "badNonce")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/acme/new-order", 405),
        ("PUT", "/acme/directory", 405),
        ("TRACE", "/acme/new-order", 405),
        ("POST", "/acme/nothing", 404),
        ("GET", "/acme/", 404),
        ("GET", "/acme/order/../directory", 404),
    ],
)
def test_every_error_has_a_nonce_and_leads_to_the_directory(
    client: Client, method: str, path: str, status: int
) -> None:
    refused(client.raw(method, path, b"{}" if method == "POST" else b""), status, "malformed")


def test_a_stranger_without_account_reads_nothing(client: Client, acme: House) -> None:
    nobody = Client(acme)
    order = client.new_order("unread.partner.example")
    nobody.key = new_key()

    for url in (order.headers["Location"], str(client.account), order.json["authorizations"][0]):
        refused(nobody.post(url), 400, "malformed")
        refused(
            nobody.post(url, header={"kid": f"{client.base}/acme/account/{'0' * 32}"}, without=("jwk",)),
            400,
            "accountDoesNotExist",
        )

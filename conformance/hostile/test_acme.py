"""Attacks on ACME, each found in some server (WIRE): each is refused with the right problem."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import CertificateSigningRequestBuilder, DNSName, Name, SubjectAlternativeName

from conformance.acme import Answer, Client, b64, csr, jwk_of, new_key
from conformance.house import House

_PARALLEL = 50


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("acme"))
    built.start()
    yield built
    built.close()


@pytest.fixture
def sheet(shared: House) -> dict[str, Any]:
    return shared.register(
        *("--kind", "partner", "--subject", "CN=Partner,C=TW", "--zone", "partner.example", "--ip", "192.0.2.7")
    )


@pytest.fixture
def client(shared: House, sheet: dict[str, Any]) -> Client:
    made = Client(shared)
    assert made.new_account(sheet["eab"]).status == 201
    return made


def refused(answer: Answer, status: int, problem: str) -> None:
    assert (answer.status, answer.problem) == (status, problem), answer.body
    assert answer.headers["Replay-Nonce"]
    assert 'rel="index"' in answer.headers["Link"]


def test_a_mac_with_the_public_key_is_no_signature(client: Client) -> None:
    spki = client.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    jws = client.signed(client.directory["newOrder"], {}, header={"alg": "HS256"})
    jws["signature"] = b64(hmac.digest(spki, f"{jws['protected']}.{jws['payload']}".encode(), hashlib.sha256))

    refused(client.send(client.directory["newOrder"], jws), 400, "badSignatureAlgorithm")


def test_an_embedded_symmetric_key_is_no_key(client: Client) -> None:
    header = {"alg": "HS256", "jwk": {"kty": "oct", "k": b64(b"0" * 32)}}

    answer = client.post(client.directory["newAccount"], {}, header=header, without=("kid",))

    assert answer.status == 400
    assert answer.problem in {"badSignatureAlgorithm", "badPublicKey"}


def test_jwk_and_kid_together_are_malformed(client: Client) -> None:
    answer = client.post(client.directory["newOrder"], {}, header={"jwk": jwk_of(client.key)})

    refused(answer, 400, "malformed")


def test_the_kid_of_another_account_does_not_help(shared: House, sheet: dict[str, Any], client: Client) -> None:
    other = Client(shared)
    other.new_account(sheet["eab"])

    answer = client.post(client.directory["newOrder"], {}, header={"kid": other.account})

    assert 400 <= answer.status < 500
    assert answer.problem in {"malformed", "unauthorized"}


def test_a_kid_that_is_not_ours_is_refused(client: Client) -> None:
    answer = client.post(client.directory["newOrder"], {}, header={"kid": "https://evil.example/acme/account/1"})

    assert 400 <= answer.status < 500
    assert answer.problem in {"malformed", "accountDoesNotExist", "unauthorized"}


def test_the_url_of_a_sibling_is_unauthorized(client: Client) -> None:
    answer = client.post(client.directory["newOrder"], {}, header={"url": client.directory["revokeCert"]})

    refused(answer, 403, "unauthorized")


def test_a_nonce_works_once_among_a_hundred(client: Client) -> None:
    jws = client.signed(str(client.account), None)

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: client.send(str(client.account), jws).status, range(100)))

    assert sorted(statuses) == [200] + [400] * 99
    refused(client.send(str(client.account), jws), 400, "badNonce")


def test_a_nonce_does_not_survive_a_restart(house: House) -> None:
    sheet = house.register("--kind", "partner", "--subject", "CN=Partner,C=TW", "--zone", "partner.example")
    client = Client(house)
    client.new_account(sheet["eab"])
    used = client.signed(str(client.account), None)
    client.send(str(client.account), used)
    house.stop()
    house.start()

    refused(client.send(str(client.account), used), 400, "badNonce")


def test_a_wrong_signature_does_not_burn_the_nonce(client: Client) -> None:
    jws = client.signed(str(client.account), None)

    forged = client.send(str(client.account), jws | {"signature": b64(b"0" * 64)})

    assert 400 <= forged.status < 500
    assert client.send(str(client.account), jws).status == 200


def test_fifty_new_accounts_with_one_key_make_one(shared: House, sheet: dict[str, Any]) -> None:
    client = Client(shared)
    binding = client.binding(sheet["eab"])
    url = client.directory["newAccount"]

    def ask(_: int) -> Answer:
        payload = {"externalAccountBinding": binding}
        return client.send(url, client.signed(url, payload, header={"jwk": jwk_of(client.key)}, without=("kid",)))

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(_PARALLEL)))

    assert sorted(answer.status for answer in answers) == [200] * (_PARALLEL - 1) + [201]
    assert len({answer.headers["Location"] for answer in answers}) == 1


def test_one_single_use_binding_makes_one_of_fifty_accounts(shared: House) -> None:
    sheet = shared.register("--kind", "partner", "--subject", "CN=Partner,C=TW", "--uses", "1")

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: Client(shared).new_account(sheet["eab"]), range(_PARALLEL)))

    assert [answer.status for answer in answers].count(201) == 1
    assert {answer.status for answer in answers} == {201, 403}


def test_parallel_finalizes_bring_one_certificate(shared: House, sheet: dict[str, Any], client: Client) -> None:
    order = client.new_order("race.partner.example").json
    requests = [{"csr": b64(csr(new_key(), "race.partner.example"))} for _ in range(20)]

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda payload: client.post(order["finalize"], payload), requests))

    assert [answer.status for answer in answers].count(200) == 1
    assert {answer.problem for answer in answers if answer.status != 200} == {"orderNotReady"}
    assert len(shared.certificates(sheet["account"])) == 1


def test_a_repeated_finalize_yields_the_same_certificate(client: Client) -> None:
    order = client.new_order("again.partner.example").json
    payload = {"csr": b64(csr(new_key(), "again.partner.example"))}
    first = client.post(order["finalize"], payload)

    again = client.post(order["finalize"], payload)

    assert (first.status, again.status) == (200, 200)
    assert again.json["certificate"] == first.json["certificate"]


def test_another_account_sees_nothing(shared: House, client: Client) -> None:
    order = client.new_order("secret.partner.example")
    url, _ = client.certificate("other.partner.example")
    stranger_sheet = shared.register("--kind", "partner", "--subject", "CN=Stranger,C=TW")
    stranger = Client(shared)
    stranger.new_account(stranger_sheet["eab"])

    places = [order.headers["Location"], order.json["authorizations"][0], url, str(client.account)]

    for place in places:
        answer = stranger.post(place)
        assert answer.status in {403, 404}, (place, answer.body)
        assert answer.body != client.post(place).body


def test_revoking_with_a_random_key_is_unauthorized(shared: House, client: Client) -> None:
    _, der = client.certificate("kept.partner.example")
    stranger = Client(shared)

    answer = stranger.post(stranger.directory["revokeCert"], {"certificate": b64(der)})

    refused(answer, 403, "unauthorized")


def test_the_certificates_key_may_revoke_it_once(shared: House, client: Client) -> None:
    key = new_key()
    _, der = client.certificate("revoked.partner.example", key=key)
    holder = Client(shared)
    holder.key = key
    payload = {"certificate": b64(der), "reason": 1}

    assert holder.post(holder.directory["revokeCert"], payload).status == 200
    refused(holder.post(holder.directory["revokeCert"], payload), 400, "alreadyRevoked")


def test_a_reason_that_is_not_the_subscribers_is_refused(client: Client) -> None:
    _, der = client.certificate("reason.partner.example")

    answer = client.post(client.directory["revokeCert"], {"certificate": b64(der), "reason": 2})

    refused(answer, 400, "badRevocationReason")


def test_a_deactivated_account_has_no_power(client: Client) -> None:
    order = client.new_order("power.partner.example").json
    assert client.post(str(client.account), {"status": "deactivated"}).json["status"] == "deactivated"

    refused(client.post(order["finalize"], {"csr": b64(csr(new_key(), "power.partner.example"))}), 403, "unauthorized")
    refused(client.new_order("more.partner.example"), 403, "unauthorized")


def test_a_suspended_registration_has_no_power(shared: House, sheet: dict[str, Any], client: Client) -> None:
    order = client.new_order("power.partner.example").json
    shared.command("suspend", sheet["account"])

    refused(client.post(order["finalize"], {"csr": b64(csr(new_key(), "power.partner.example"))}), 403, "unauthorized")
    refused(client.new_order("more.partner.example"), 403, "unauthorized")


NAME = "csr.partner.example"


def _rsa_csr(bits: int, exponent: int = 65537) -> bytes:
    key = rsa.generate_private_key(exponent, bits)
    names = SubjectAlternativeName([DNSName(NAME)])
    built = CertificateSigningRequestBuilder().subject_name(Name([])).add_extension(names, critical=False)
    return built.sign(key, SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    "request_der",
    [
        csr(new_key(), NAME, "bank.example"),
        csr(new_key(), NAME, "more.partner.example"),
        csr(new_key()),
        csr(new_key(), "more.partner.example"),
        csr(new_key(), NAME, NAME),
        csr(new_key(), NAME, common_name="bank.example"),
        csr(new_key(), NAME)[:-1] + b"\0",
        csr(new_key(), NAME) + b"\0",
        b"",
        b"nonsense",
        _rsa_csr(1024),
        _rsa_csr(2048, 3),
    ],
    ids=[
        *("extra foreign name", "extra own name", "no name", "another name", "twice the name", "CN is no SAN"),
        *("bad signature", "trailing octet", "empty", "nonsense", "RSA-1024", "exponent 3"),
    ],
)
def test_a_bad_request_leaves_the_order_ready(shared: House, client: Client, request_der: bytes) -> None:
    order = client.new_order(NAME)

    refused(client.post(order.json["finalize"], {"csr": b64(request_der)}), 400, "badCSR")

    assert client.post(order.headers["Location"]).json["status"] == "ready"


def test_the_accounts_own_key_is_no_certificate_key(client: Client) -> None:
    order = client.new_order(NAME)

    refused(client.post(order.json["finalize"], {"csr": b64(csr(client.key, NAME))}), 400, "badCSR")


def test_another_subscribers_key_is_no_certificate_key(shared: House, client: Client) -> None:
    key = new_key()
    client.certificate("first.partner.example", key=key)
    other_sheet = shared.register("--kind", "partner", "--subject", "CN=Other,C=TW", "--zone", "other.example")
    other = Client(shared)
    other.new_account(other_sheet["eab"])
    order = other.new_order("www.other.example").json

    refused(other.post(order["finalize"], {"csr": b64(csr(key, "www.other.example"))}), 400, "badCSR")


@pytest.mark.parametrize(
    "name",
    [
        *("a\0.partner.example", "a.partner.example.", "A.partner.example", "ä.partner.example", "192.0.2.7"),
        *(".partner.example", "a..partner.example", "-a.partner.example", "a" * 64 + ".partner.example", "", "*."),
    ],
)
def test_names_that_are_not_in_normal_form_are_refused(client: Client, name: str) -> None:
    answer = client.new_order(name)

    assert answer.status in {400, 403}
    assert answer.problem in {"malformed", "rejectedIdentifier", "unsupportedIdentifier"}


def test_a_hundred_and_one_names_are_too_many(client: Client) -> None:
    answer = client.new_order(*(f"n{number}.partner.example" for number in range(101)))

    assert answer.status in {400, 403}


def test_a_wildcard_that_was_not_granted_is_refused(client: Client) -> None:
    refused(client.new_order("*.partner.example"), 403, "rejectedIdentifier")


def test_an_order_before_the_window_is_rate_limited(client: Client) -> None:
    client.certificate("held.partner.example")

    answer = client.new_order("held.partner.example")

    refused(answer, 429, "rateLimited")
    assert int(answer.headers["Retry-After"]) > 59 * 86_400
    assert "opens on" in answer.json["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/acme/new-order", 405),
        ("PUT", "/acme/directory", 405),
        ("POST", "/acme/nothing", 404),
        ("GET", "/acme/", 404),
    ],
)
def test_wrong_paths_and_methods_get_a_problem_with_a_nonce(
    client: Client, method: str, path: str, status: int
) -> None:
    refused(client.raw(method, path, b"{}" if method == "POST" else b""), status, "malformed")


def test_envelopes_that_are_not_what_they_should_be(client: Client) -> None:
    url = str(client.account)
    good = client.signed(url, None)

    assert client.send(url, good, "application/json").status == 415
    refused(client.send(url, b"x" * 60_000), 413, "malformed")
    refused(client.send(url, b"{"), 400, "malformed")
    refused(client.send(url, good | {"header": {"alg": "ES256"}}), 400, "malformed")
    refused(client.send(url, {"payload": "", "signatures": []}), 400, "malformed")
    refused(client.send(url, good | {"payload": "="}), 400, "malformed")
    twice = json.dumps(good)[:-1] + f', "payload": "{good["payload"]}"}}'
    refused(client.send(url, twice.encode()), 400, "malformed")
    refused(client.post(url, header={"crit": ["exp"], "exp": 1}), 400, "malformed")
    refused(client.post(url, header={"b64": False}), 400, "malformed")
    refused(client.post(url, header={"alg": "none"}), 400, "badSignatureAlgorithm")
    refused(client.post(url, header={"nonce": "bm9uY2U"}), 400, "badNonce")
    refused(client.post(url, without=("nonce",)), 400, "badNonce")


@pytest.mark.parametrize("change", ["kid", "key", "url", "outer key"])
def test_a_binding_that_does_not_verify_binds_nothing(shared: House, sheet: dict[str, Any], change: str) -> None:
    client = Client(shared)
    eab = dict(sheet["eab"])
    url, key = None, None
    if change == "kid":
        eab["kid"] = "NOSUCHKEYIDENTIFIER22"
    if change == "key":
        eab["hmac_key"] = b64(b"k" * 32)
    if change == "url":
        url = client.directory["newOrder"]
    if change == "outer key":
        key = jwk_of(new_key())
    payload = {"externalAccountBinding": client.binding(eab, url=url, key=key)}

    answer = client.post(client.directory["newAccount"], payload, header={"jwk": jwk_of(client.key)}, without=("kid",))

    assert answer.status in {400, 401, 403}
    assert answer.problem in {"malformed", "unauthorized"}


def test_an_account_needs_a_binding(shared: House) -> None:
    client = Client(shared)

    refused(client.new_account(), 403, "externalAccountRequired")
    assert client.directory["meta"]["externalAccountRequired"] is True


def test_an_account_that_exists_is_given_back_and_spends_nothing(shared: House) -> None:
    sheet = shared.register("--kind", "partner", "--subject", "CN=Partner,C=TW", "--uses", "1")
    client = Client(shared)
    first = client.new_account(sheet["eab"])
    client.account = None

    again = client.new_account(sheet["eab"])

    assert (first.status, again.status) == (201, 200)
    assert again.headers["Location"] == first.headers["Location"]


def test_every_url_of_the_directory_works(client: Client) -> None:
    for name, url in client.directory.items():
        if name == "meta":
            continue
        assert url.startswith(client.base)
        assert client.raw("POST" if name != "newNonce" else "HEAD", url).status != 404

"""Attacks on accounts (WIRE, "External account binding" and "Attacks that must fail"), and the tests that refuse them.

==========================================  ===================================================================
EAB: alg, kid, MAC, url, key, jwk, nonce    test_a_binding_that_does_not_verify_binds_nothing
EAB: unknown kid and wrong MAC alike        test_an_unknown_kid_and_a_wrong_key_are_answered_alike
EAB: an existing account is not re-bound    test_a_binding_never_moves_an_account
EAB: an existing account spends nothing     test_an_account_that_exists_is_given_back_and_spends_nothing
EAB: none at all                            test_an_account_needs_a_binding
reading any object with a second account    test_a_second_account_reads_and_moves_nothing
keyChange with a wrong oldKey               test_a_change_of_key_that_does_not_fit_changes_nothing
keyChange onto a key in use                 test_a_key_in_use_is_answered_with_its_account
keyChange to a weak key                     test_a_weak_key_is_no_account_key
keyChange: the old key afterwards           test_an_old_key_has_no_power
power kept after deactivation               test_a_deactivated_account_has_no_power
power kept after suspension                 test_a_suspended_registration_has_no_power
revoking with a random jwk                  test_a_random_key_revokes_nothing
revoking another's certificate              test_another_account_revokes_nothing
==========================================  ===================================================================
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from conformance.acme import Answer, Client, Json, b64, csr, es256, jwk_of, new_key
from conformance.hostile.conftest import account, refused, registered, state
from conformance.house import House

UNAUTHORIZED = {(401, "unauthorized"), (403, "unauthorized")}


def with_binding(client: Client, made: Json | str) -> Answer:
    payload = {"externalAccountBinding": made}
    return client.post(client.directory["newAccount"], payload, header={"jwk": jwk_of(client.key)}, without=("kid",))


def hs256(eab: Json, header: Json, payload: bytes) -> Json:
    """A binding with any header."""
    first, second = b64(json.dumps(header).encode()), b64(payload)
    secret = base64.urlsafe_b64decode(eab["hmac_key"] + "=")
    mac = hmac.digest(secret, f"{first}.{second}".encode(), hashlib.sha256)
    return {"protected": first, "payload": second, "signature": b64(mac)}


BINDINGS: dict[str, tuple[int, str]] = {
    "another kid": (403, "unauthorized"),
    "another key": (403, "unauthorized"),
    "another url": (403, "unauthorized"),
    "another account key": (403, "unauthorized"),
    "a private key": (403, "unauthorized"),
    "no JSON": (403, "unauthorized"),
    "no signature": (403, "unauthorized"),
    "half a signature": (403, "unauthorized"),
    "a jwk in its header": (400, "malformed"),
    "a nonce in its header": (400, "malformed"),
    "a text": (400, "malformed"),
    "alg none": (400, "badSignatureAlgorithm"),
    "alg ES256": (400, "badSignatureAlgorithm"),
}


def binding(what: str, client: Client, eab: Json) -> Json | str:
    """A binding with this one fault."""
    header = {"alg": "HS256", "kid": eab["kid"], "url": client.directory["newAccount"]}
    own = jwk_of(client.key)
    octets = json.dumps(own).encode()
    good = hs256(eab, header, octets)
    faulty: dict[str, Json | str] = {
        "another kid": client.binding(eab | {"kid": "NOSUCHKEYIDENTIFIER22"}),
        "another key": client.binding(eab | {"hmac_key": b64(b"k" * 32)}),
        "another url": client.binding(eab, url=client.directory["newOrder"]),
        "another account key": client.binding(eab, key=jwk_of(new_key())),
        "a private key": client.binding(eab, key=own | {"d": b64(b"d" * 32)}),
        "no JSON": hs256(eab, header, b"nonsense"),
        "no signature": good | {"signature": ""},
        "half a signature": good | {"signature": b64(bytes(16))},
        "a jwk in its header": hs256(eab, header | {"jwk": own}, octets),
        "a nonce in its header": hs256(eab, header | {"nonce": b64(bytes(16))}, octets),
        "a text": "nonsense",
        "alg none": hs256(eab, header | {"alg": "none"}, octets) | {"signature": ""},
        "alg ES256": signed(client, header | {"alg": "ES256"}, own),
    }
    return faulty[what]


def signed(client: Client, header: Json, payload: Json) -> Json:
    first, second = b64(json.dumps(header).encode()), b64(json.dumps(payload).encode())
    return {"protected": first, "payload": second, "signature": b64(es256(client.key, f"{first}.{second}".encode()))}


@pytest.fixture(scope="module")
def strangers_sheet(acme: House) -> dict[str, Any]:
    """A sheet whose wrong bindings are counted against nobody else."""
    return registered(acme)


@pytest.mark.parametrize("what", BINDINGS)
def test_a_binding_that_does_not_verify_binds_nothing(acme: House, strangers_sheet: dict[str, Any], what: str) -> None:
    client = Client(acme)

    refused(with_binding(client, binding(what, client, strangers_sheet["eab"])), *BINDINGS[what])

    refused(client.new_account(onlyReturnExisting=True), 400, "accountDoesNotExist")


def test_an_unknown_kid_and_a_wrong_key_are_answered_alike(acme: House, sheet: dict[str, Any]) -> None:
    client = Client(acme)

    unknown = with_binding(client, client.binding(sheet["eab"] | {"kid": "NOSUCHKEYIDENTIFIER22"}))
    wrong = with_binding(client, client.binding(sheet["eab"] | {"hmac_key": b64(b"k" * 32)}))

    assert (unknown.status, unknown.body) == (wrong.status, wrong.body)


def test_a_binding_never_moves_an_account(acme: House, client: Client) -> None:
    other = registered(acme)
    before = client.post(str(client.account)).json

    again = with_binding(client, client.binding(other["eab"]))

    assert (again.status, again.json) == (200, before)
    assert acme.certificates(other["account"]) == []


def test_an_account_that_exists_is_given_back_and_spends_nothing(acme: House) -> None:
    sheet = registered(acme, "--uses", "1")
    client = Client(acme)
    first = client.new_account(sheet["eab"])
    client.account = None

    again = client.new_account(sheet["eab"])
    spent = Client(acme).new_account(sheet["eab"])

    assert (first.status, again.status) == (201, 200)
    assert again.headers["Location"] == first.headers["Location"]
    refused(spent, 403, "unauthorized")


def test_an_account_needs_a_binding(acme: House) -> None:
    client = Client(acme)

    refused(client.new_account(), 403, "externalAccountRequired")
    assert client.directory["meta"]["externalAccountRequired"] is True


def test_a_second_account_reads_and_moves_nothing(
    acme: House, sheet: dict[str, Any], client: Client, stranger: Client
) -> None:
    order = client.new_order("secret.partner.example")
    challenge = client.post(order.json["authorizations"][0]).json["challenges"][0]["url"]
    certificate, _ = client.certificate("other.partner.example")
    before = state(client)
    places = [order.headers["Location"], order.json["authorizations"][0], challenge, certificate, str(client.account)]
    finalize = {"csr": b64(csr(new_key(), "secret.partner.example"))}

    # One of the same registration, too: what is one's own is one account's.
    for other in (stranger, account(acme, sheet)):
        for url in [*places, f"{client.account}/orders"]:
            answer = other.post(url)
            refused(answer, 404, "malformed")
            assert b"partner.example" not in answer.body
        refused(other.post(order.json["finalize"], finalize), 404, "malformed")
        for url in (challenge, order.json["authorizations"][0], str(client.account)):
            refused(other.post(url, {"status": "deactivated"}), 404, "malformed")
    assert state(client) == before


def change_of_key(client: Client, new: Any, **changes: Any) -> Answer:
    """A keyChange of which some of the inner JWS is another: `url`, `jwk`, `account`, `old_key`, `by`, `alg`."""
    url = client.directory["keyChange"]
    header = {
        "alg": changes.get("alg", "ES256"),
        "jwk": changes.get("jwk", jwk_of(new)),
        "url": changes.get("url", url),
    }
    header |= changes.get("header", {})
    payload = {
        "account": changes.get("account", client.account),
        "oldKey": changes.get("old_key", jwk_of(client.key)),
    }
    first, second = b64(json.dumps(header).encode()), b64(json.dumps(payload).encode())
    signature = es256(changes.get("by", new), f"{first}.{second}".encode())
    return client.post(url, {"protected": first, "payload": second, "signature": b64(signature)})


CHANGES = (
    *("wrong oldKey", "another account's oldKey", "no oldKey", "another account", "another url inside"),
    *("not signed by the new key", "a kid inside", "alg none inside", "an oct key"),
)


def fault(what: str, client: Client, other: Client) -> Json:
    """What of a keyChange is another than it should be."""
    faults: dict[str, Json] = {
        "wrong oldKey": {"old_key": jwk_of(new_key())},
        "another account's oldKey": {"old_key": jwk_of(other.key)},
        "no oldKey": {"old_key": None},
        "another account": {"account": other.account},
        "another url inside": {"url": client.directory["newOrder"]},
        "not signed by the new key": {"by": client.key},
        "a kid inside": {"header": {"kid": client.account}},
        "alg none inside": {"alg": "none"},
        "an oct key": {"jwk": {"kty": "oct", "k": b64(b"0" * 32)}},
    }
    return faults[what]


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_of_key_that_does_not_fit_changes_nothing(client: Client, stranger: Client, what: str) -> None:
    before = state(client)

    answer = change_of_key(client, new_key(), **fault(what, client, stranger))

    assert answer.status in {400, 403}, answer.body
    assert answer.problem in {"malformed", "unauthorized", "badSignatureAlgorithm", "badPublicKey"}
    assert state(client) == before


def test_a_key_in_use_is_answered_with_its_account(acme: House, sheet: dict[str, Any], client: Client) -> None:
    other = account(acme, sheet)

    answer = change_of_key(client, other.key)

    refused(answer, 409, "malformed")
    assert answer.headers["Location"] == other.account
    assert client.post(str(client.account)).status == 200
    assert other.post(str(other.account)).status == 200


def test_a_weak_key_is_no_account_key(client: Client) -> None:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505  # a weak key is what is tried
    numbers = weak.public_key().public_numbers()
    jwk = {"kty": "RSA", "n": b64(numbers.n.to_bytes(128, "big")), "e": b64(b"\x01\x00\x01")}
    url = client.directory["keyChange"]
    first = b64(json.dumps({"alg": "RS256", "jwk": jwk, "url": url}).encode())
    second = b64(json.dumps({"account": client.account, "oldKey": jwk_of(client.key)}).encode())
    signature = weak.sign(f"{first}.{second}".encode(), padding.PKCS1v15(), hashes.SHA256())

    refused(client.post(url, {"protected": first, "payload": second, "signature": b64(signature)}), 400, "badPublicKey")
    assert client.post(str(client.account)).status == 200


def test_an_old_key_has_no_power(client: Client, stranger: Client) -> None:
    old, new = client.key, new_key()
    assert change_of_key(client, new).status == 200

    refused(client.post(str(client.account), {"status": "deactivated"}, key=old), 400, "malformed")
    client.key = new
    assert client.post(str(client.account)).json["status"] == "valid"
    # What was an account's key once is nobody else's for ever: what it signed would be another's.
    refused(change_of_key(stranger, old), 400, "badPublicKey")


def powers(client: Client, order: Json, certificate: str, der: bytes) -> list[Answer]:
    """All that an account can do."""
    name = order["identifiers"][0]["value"]
    return [
        client.post(str(client.account)),
        client.post(str(client.account), {"contact": ["mailto:back@example.com"]}),
        client.post(str(client.account), {"status": "valid"}),
        client.post(f"{client.account}/orders"),
        client.new_order("more.partner.example"),
        client.post(client.directory["newAuthz"], {"identifier": {"type": "dns", "value": name}}),
        client.post(order["authorizations"][0]),
        client.post(order["finalize"], {"csr": b64(csr(new_key(), name))}),
        client.post(certificate),
        client.post(client.directory["revokeCert"], {"certificate": b64(der)}),
        change_of_key(client, new_key()),
        client.post(client.directory["newAccount"], {}, header={"jwk": jwk_of(client.key)}, without=("kid",)),
    ]


def test_a_deactivated_account_has_no_power(acme: House) -> None:
    sheet = registered(acme)
    client = account(acme, sheet)
    order, (certificate, der) = (
        client.new_order("power.partner.example").json,
        client.certificate("held.partner.example"),
    )
    assert client.post(str(client.account), {"status": "deactivated"}).json["status"] == "deactivated"

    assert {(answer.status, answer.problem) for answer in powers(client, order, certificate, der)} <= UNAUTHORIZED
    assert [one["status"] for one in acme.certificates(sheet["account"])] == ["valid"]


def test_a_suspended_registration_has_no_power(acme: House) -> None:
    sheet = registered(acme)
    client = account(acme, sheet)
    order, (certificate, der) = (
        client.new_order("power.partner.example").json,
        client.certificate("held.partner.example"),
    )
    acme.command("suspend", sheet["account"])

    assert {(answer.status, answer.problem) for answer in powers(client, order, certificate, der)} <= UNAUTHORIZED
    assert Client(acme).new_account(sheet["eab"]).problem == "unauthorized"
    acme.command("resume", sheet["account"])
    assert client.post(str(client.account)).json["status"] == "valid"


def test_a_random_key_revokes_nothing(acme: House, client: Client) -> None:
    url, der = client.certificate("kept.partner.example")
    nobody = Client(acme)

    refused(nobody.post(nobody.directory["revokeCert"], {"certificate": b64(der), "reason": 1}), 403, "unauthorized")
    assert client.post(url).status == 200
    assert client.post(client.directory["revokeCert"], {"certificate": b64(der)}).status == 200


def test_another_account_revokes_nothing(client: Client, stranger: Client) -> None:
    _, der = client.certificate("mine.partner.example")

    for reason in (0, 1, 4):
        payload = {"certificate": b64(der), "reason": reason}
        refused(stranger.post(stranger.directory["revokeCert"], payload), 403, "unauthorized")
    assert client.post(client.directory["revokeCert"], {"certificate": b64(der)}).status == 200


def test_a_certificate_is_revoked_once_and_for_a_reason_of_the_subscribers(acme: House, client: Client) -> None:
    key = new_key()
    _, der = client.certificate("reasons.partner.example", key=key)
    holder = Client(acme)
    holder.key = key

    for reason in (2, 6, 7, 8, 10, 11, -1, 1 << 70):
        answer = holder.post(holder.directory["revokeCert"], {"certificate": b64(der), "reason": reason})
        assert (answer.status, answer.problem) in {(400, "badRevocationReason"), (400, "malformed")}
    assert holder.post(holder.directory["revokeCert"], {"certificate": b64(der), "reason": 1}).status == 200
    refused(holder.post(holder.directory["revokeCert"], {"certificate": b64(der), "reason": 1}), 400, "alreadyRevoked")

"""Accounts over the wire: the agreement (RFC 8555, 7.3.3; RULES, S15), keys of every type, key change, and EAB keys."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from conformance.acme import Answer, Client, Json, b64, csr, jwk_of, new_key
from conformance.clients.library import Library, Refused
from conformance.house import House

_FIRST, _SECOND = b"Keep your key.", "<p>Keep your key, and tell us when you lost it. 請妥善保管金鑰。</p>".encode()
_SETTINGS = (
    'agreement={file="agreement.txt", version="2026-1"}',
    "acme.website=https://pki.example/",
    'acme.caa_identities=["ca.example"]',
)
_ZONE = ("--zone", "partner.example")
_A_SECOND = 1.0


@pytest.fixture(scope="module")
def agreeing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("accounts"), *_SETTINGS)
    (built.home / "agreement.txt").write_bytes(_FIRST)
    built.start()
    yield built
    built.close()


@pytest.fixture(scope="module")
def partner(agreeing: House) -> dict[str, Any]:
    """A registration with two profiles; its account is `partner`."""
    profiles = ("--profile", "tls-server", "--profile", "device")
    return agreeing.register(
        *("--account", "partner", "--kind", "partner", "--subject", "CN=Partner,C=TW"), *_ZONE, *profiles
    )


@pytest.fixture
def client(agreeing: House, partner: dict[str, Any]) -> Client:
    made = Client(agreeing)
    assert made.new_account(partner["eab"]).status == 201
    return made


def command(house: House, *arguments: str) -> Any:
    """What a command prints as JSON."""
    return json.loads(house.command(*arguments, "--json"))


def refused(answer: Answer, status: int, problem: str, said: str = "") -> None:
    assert (answer.status, answer.problem) == (status, problem), answer.body
    assert said in answer.json["detail"]


def test_no_account_is_made_for_who_does_not_accept(agreeing: House, partner: dict[str, Any]) -> None:
    somebody = Client(agreeing)

    answer = somebody.new_account(partner["eab"], termsOfServiceAgreed=False)

    refused(answer, 403, "userActionRequired")
    terms = somebody.directory["meta"]["termsOfService"]
    assert f'<{terms}>;rel="terms-of-service"' in answer.headers.get_all("Link", [])
    assert somebody.get(answer.json["instance"]).status == 200
    refused(somebody.new_account(onlyReturnExisting=True), 400, "accountDoesNotExist")
    assert somebody.new_account(partner["eab"]).status == 201


# -- Account keys -------------------------------------------------------------------------------------------


class Signer:
    """An account key of some type."""

    def __init__(self, alg: str, key: Any, jwk: Json, sign: Callable[[bytes], bytes]) -> None:
        self.alg, self.key, self.jwk, self.sign = alg, key, jwk, sign


def signer(alg: str) -> Signer:
    match alg:
        case "RS256" | "PS256":
            return rsa_signer(alg, 2048)
        case "ES384" | "ES512":
            curve, octets, digest, name = {
                "ES384": (ec.SECP384R1(), 48, hashes.SHA384(), "P-384"),
                "ES512": (ec.SECP521R1(), 66, hashes.SHA512(), "P-521"),
            }[alg]
            key = ec.generate_private_key(curve)
            numbers = key.public_key().public_numbers()
            x, y = (b64(value.to_bytes(octets, "big")) for value in (numbers.x, numbers.y))

            def sign(data: bytes) -> bytes:
                r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
                return r.to_bytes(octets, "big") + s.to_bytes(octets, "big")

            return Signer(alg, key, {"kty": "EC", "crv": name, "x": x, "y": y}, sign)
        case "EdDSA":
            okp = ed25519.Ed25519PrivateKey.generate()
            public = b64(okp.public_key().public_bytes_raw())
            return Signer(alg, okp, {"kty": "OKP", "crv": "Ed25519", "x": public}, okp.sign)
        case _:
            akp = mldsa.MLDSA65PrivateKey.generate()
            return Signer(
                alg, akp, {"kty": "AKP", "alg": alg, "pub": b64(akp.public_key().public_bytes_raw())}, akp.sign
            )


def rsa_signer(alg: str, bits: int) -> Signer:
    key = rsa.generate_private_key(65537, bits)
    numbers = key.public_key().public_numbers()
    n, e = (b64(value.to_bytes((value.bit_length() + 7) // 8, "big")) for value in (numbers.n, numbers.e))
    pad = padding.PKCS1v15() if alg == "RS256" else padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    return Signer(alg, key, {"kty": "RSA", "n": n, "e": e}, lambda data: key.sign(data, pad, hashes.SHA256()))


def jws(by: Signer, url: str, payload: Json, **header: Any) -> Json:
    first = b64(json.dumps({"alg": by.alg, "url": url, "jwk": by.jwk, **header}).encode())
    second = b64(json.dumps(payload).encode())
    return {"protected": first, "payload": second, "signature": b64(by.sign(f"{first}.{second}".encode()))}


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES384", "ES512", "EdDSA", "ML-DSA-65"])
def test_an_account_key_may_be_of_any_accepted_type(agreeing: House, partner: dict[str, Any], alg: str) -> None:
    somebody, key = Client(agreeing), signer(alg)
    url = somebody.directory["newAccount"]
    payload = {"termsOfServiceAgreed": True, "externalAccountBinding": somebody.binding(partner["eab"], key=key.jwk)}

    made = somebody.send(url, jws(key, url, payload, nonce=somebody.nonce()))

    assert made.status == 201, made.body
    # The alg of another type of key is answered with those that would do for this one.
    wrong = somebody.send(url, jws(key, url, payload, nonce=somebody.nonce(), alg="ES256"))
    refused(wrong, 400, "badSignatureAlgorithm")
    assert alg in wrong.json["algorithms"]
    assert "ES256" not in wrong.json["algorithms"]


def test_an_unknown_algorithm_is_answered_with_the_whole_list(agreeing: House, client: Client) -> None:
    jws_ = client.signed(client.directory["newOrder"], {}, header={"alg": "ES256K"})

    answer = client.send(client.directory["newOrder"], jws_)

    refused(answer, 400, "badSignatureAlgorithm")
    assert {"RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA", "ML-DSA-65"} <= set(answer.json["algorithms"])


# -- Key change (RFC 8555, 7.3.5) ---------------------------------------------------------------------------


def change(client: Client, new: Signer | ec.EllipticCurvePrivateKey, **payload: Any) -> Answer:
    """Ask for another key; members of the inner payload may be replaced."""
    by = new if isinstance(new, Signer) else ec_signer(new)
    url = client.directory["keyChange"]
    inner = jws(by, url, {"account": client.account, "oldKey": jwk_of(client.key), **payload})
    return client.post(url, inner)


def ec_signer(key: ec.EllipticCurvePrivateKey) -> Signer:
    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return Signer("ES256", key, jwk_of(key), sign)


def test_a_changed_key_takes_over_everything(client: Client) -> None:
    order = client.new_order("change.partner.example").json
    new, old = new_key(), client.key

    changed = change(client, new)
    refused(client.post(str(client.account)), 400, "malformed")
    client.key = new

    assert (changed.status, changed.headers["Location"]) == (200, client.account)
    assert client.post(order["finalize"], {"csr": b64(csr(new_key(), "change.partner.example"))}).status == 200
    # The old key stays claimed: it is certified for nobody.
    other = client.new_order("old.partner.example").json
    refused(client.post(other["finalize"], {"csr": b64(csr(old, "old.partner.example"))}), 400, "badCSR")


def test_a_key_change_that_does_not_fit_changes_nothing(
    agreeing: House, partner: dict[str, Any], client: Client
) -> None:
    other = Client(agreeing)
    other.new_account(partner["eab"])
    certified = new_key()
    client.certificate("certified.partner.example", key=certified)

    refused(change(client, new_key(), oldKey=jwk_of(new_key())), 400, "malformed", "oldKey")
    refused(change(client, new_key(), account=other.account), 400, "malformed", "account")
    taken = change(client, other.key)
    refused(taken, 409, "malformed")
    assert taken.headers["Location"] == other.account
    refused(change(client, rsa_signer("RS256", 1024)), 400, "badPublicKey")
    refused(change(client, certified), 400, "badPublicKey")
    assert client.post(str(client.account)).status == 200


# -- EAB keys -----------------------------------------------------------------------------------------------


def test_a_further_key_is_limited_listed_rotated_and_revoked(agreeing: House, partner: dict[str, Any]) -> None:
    limits = ("--uses", "2", "--profile", "device", "--network", "127.0.0.0/8")
    key = command(agreeing, "eab", "add", "partner", *limits)
    first, second, third = (Client(agreeing) for _ in range(3))
    assert first.new_account(key).status == 201
    next_key = command(agreeing, "eab", "rotate", key["kid"], "--overlap", "1")

    # Both keys of the line work, and share what is left.
    assert second.new_account(next_key).status == 201
    refused(third.new_account(key), 403, "unauthorized", "no uses left")
    refused(third.new_account(next_key), 403, "unauthorized", "no uses left")
    assert first.new_order("a.partner.example").json["profile"] == "device"
    refused(first.new_order("a.partner.example", profile="tls-server"), 403, "invalidProfile", "EAB key")

    rows = {row["kid"]: row for row in command(agreeing, "eab", "list", "partner")}
    assert rows[key["kid"]]["successor"] == next_key["kid"]
    assert [rows[one["kid"]]["accounts"] for one in (key, next_key)] == [1, 1]
    assert rows[next_key["kid"]]["networks"] == ["127.0.0.0/8"]
    assert "hmac" not in json.dumps(rows)
    (bound,) = command(agreeing, "eab", "accounts", key["kid"])
    assert (bound["url"], bound["status"]) == (first.account, "valid")

    said = agreeing.command("eab", "revoke", key["kid"])
    revoked_at = time.monotonic()
    answer = first.post(str(first.account))
    assert time.monotonic() - revoked_at < _A_SECOND
    refused(answer, 403, "unauthorized", "revoked")
    assert "1 accounts" in said
    assert second.post(str(second.account)).status == 200
    agreeing.command("eab", "restore", key["kid"])
    assert first.post(str(first.account)).status == 200


def test_a_key_is_used_from_its_networks_only_and_ends_with_its_sheet(agreeing: House) -> None:
    agreeing.register("--account", "far", "--kind", "partner", "--subject", "CN=Far,C=TW", *_ZONE)
    far = command(agreeing, "eab", "add", "far", "--network", "198.51.100.0/24", "--network", "2001:db8::/32")
    near = command(agreeing, "eab", "add", "far", "--expires", "2100-01-01")

    refused(Client(agreeing).new_account(far), 403, "unauthorized", "may not be used from 127.0.0.1")
    agreeing.command("sheet", "far")

    refused(Client(agreeing).new_account(near), 403, "unauthorized")


def test_a_command_that_makes_no_sense_says_why_in_one_line(agreeing: House, partner: dict[str, Any]) -> None:
    for arguments, said in (
        (("eab", "add", "partner", "--network", "10.0.0.1/8"), "is not a network"),
        (("eab", "add", "partner", "--profile", "signing"), "does not hold the profile"),
        (("eab", "rotate", "NOBODY"), "soapstone eab list ACCOUNT"),
    ):
        done = agreeing.attempt(*arguments)
        assert done.returncode != 0
        assert said in done.stderr
        assert done.stderr.count("\n") == 1


# -- From one version of the agreement to the next ----------------------------------------------------------


def shows_the_first_version(client: Client) -> None:
    meta = client.directory["meta"]
    text = client.get(meta["termsOfService"])
    assert meta["termsOfService"] == f"{client.base}/agreement/2026-1"
    assert (text.status, text.body) == (200, _FIRST)
    assert text.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert meta["termsOfService"] in client.get("/").body.decode()
    assert "max-age" in text.headers["Cache-Control"]
    assert (meta["website"], meta["caaIdentities"]) == ("https://pki.example/", ["ca.example"])
    assert meta["externalAccountRequired"] is True
    assert {"tls-server", "device"} <= meta["profiles"].keys()


def start_with_the_second_version(house: House) -> None:
    """Stop, change the text, be told that its version must change too, and start."""
    house.stop()
    text, settings = house.home / "agreement.txt", house.home / "soapstone.toml"
    text.write_bytes(_SECOND)
    for command_ in ("doctor", "serve"):
        done = house.attempt(command_)
        assert done.returncode == 1
        assert "2026-1 was published with another text" in done.stderr
    text.rename(house.home / "agreement.html")
    changed = settings.read_text().replace("agreement.txt", "agreement.html").replace('"2026-1"', '"2026-2"')
    settings.write_text(changed)
    house.start()


def accepts_on_the_page(client: Client, refusal: Answer) -> None:
    refused(refusal, 403, "userActionRequired", "/agreement?token=")
    assert f'<{client.base}/agreement/2026-2>;rel="terms-of-service"' in refusal.headers.get_all("Link", [])
    page = client.get(refusal.json["instance"])
    assert (page.status, page.headers["Cache-Control"]) == (200, "no-store")
    link = re.search(rb'href="([^"]+/agreement/[^"]+)"', page.body)
    assert link
    text = client.get(link[1].decode())
    assert (text.body, text.headers["Content-Type"]) == (_SECOND, "text/html; charset=utf-8")
    # To look at the page is not to accept.
    refused(client.new_order("b.partner.example"), 403, "userActionRequired")
    assert b"Accepted" in client.raw("POST", refusal.json["instance"]).body


def test_a_new_version_is_asked_for_and_accepted_on_a_page_or_by_the_client(
    agreeing: House, partner: dict[str, Any], client: Client
) -> None:
    shows_the_first_version(client)
    with Library(agreeing) as library:
        alice = library.session("alice")
        alice("new_account", eab=partner["eab"])
        order = client.new_order("agreed.partner.example").json
        request = {"csr": b64(csr(new_key(), "agreed.partner.example"))}

        start_with_the_second_version(agreeing)

        assert client.post(str(client.account), {"contact": []}).status == 200
        accepts_on_the_page(client, client.post(order["finalize"], request))
        assert client.post(order["finalize"], request).status == 200
        with pytest.raises(Refused) as asked:
            alice("order", names=["c.partner.example"])
        assert asked.value.type == "userActionRequired"
        alice("agree_again")
        alice("order", names=["c.partner.example"])

    assert client.get(f"{client.base}/agreement/2026-1").body == _FIRST
    rows = json.loads(agreeing.command("journal", "list", "--account", "partner", "--json"))
    accepted = [row for row in rows if row["event"] == "acme-agreement-accepted"]
    assert all(hashlib.sha256(text).hexdigest() in json.dumps(accepted) for text in (_FIRST, _SECOND))
    assert {"web", "acme"} <= {row["actor"].split(":")[0] for row in accepted}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("eab", "list", "\udcff"), "is not text in UTF-8"),
        (("eab", "add", "partner", "--uses", "99999999999999999999"), "is neither a number from 1 to 1000000000 nor"),
    ],
)
def test_what_nothing_can_store_is_refused_in_one_sentence(
    agreeing: House, partner: dict[str, Any], arguments: tuple[str, ...], said: str
) -> None:
    done = agreeing.attempt(*arguments)

    assert done.returncode > 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr

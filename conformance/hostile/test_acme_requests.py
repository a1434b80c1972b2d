"""Attacks with names and certification requests (WIRE, "Attacks that must fail"), and the tests that refuse them.

=============================================  ================================================================
CSR: extra, missing or duplicate names         test_a_bad_request_leaves_the_order_ready
CSR: a CN that is not a SAN                    test_a_bad_request_leaves_the_order_ready
CSR: a weak key                                test_a_bad_request_leaves_the_order_ready
CSR: asks to be a CA                           test_a_bad_request_leaves_the_order_ready
CSR: the account's key                         test_the_accounts_own_key_is_no_certificate_key
CSR: another account's key                     test_another_accounts_key_is_no_certificate_key
CSR: another subscriber's key                  test_another_subscribers_key_is_no_certificate_key
names: NUL, trailing dots, upper case          test_names_that_are_not_in_normal_form_are_refused
names: mixed IDN, an IP in a DNS identifier    test_names_that_are_not_in_normal_form_are_refused
names: 101                                     test_a_hundred_and_one_names_are_too_many
names: somebody else's                         test_nobody_elses_names_are_to_be_had
a plain-name http-01 reused for the wildcard   test_the_proof_of_a_plain_name_brings_no_wildcard
a wildcard's vetting reused for the name       test_a_wildcard_that_was_granted_is_not_its_base
=============================================  ================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import CertificateSigningRequestBuilder, DNSName, Name, SubjectAlternativeName

from conformance.acme import Answer, Client, b64, csr, new_key
from conformance.hostile.conftest import account, refused, registered, state
from conformance.house import House
from conformance.responder import Responder, answered, challenges, proof, responder

NAME = "csr.partner.example"
PROVED = "proved.localhost"


@pytest.fixture(scope="module")
def site(acme: House) -> Iterator[Responder]:
    with responder(acme.http_01_port) as opened:
        yield opened


def request(*names: x509.GeneralName, key: Any = None, ca: bool = False) -> bytes:
    """A request for names of any kind, by any key."""
    built = CertificateSigningRequestBuilder().subject_name(Name([]))
    built = built.add_extension(SubjectAlternativeName(names), critical=False)
    if ca:
        built = built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return built.sign(key or new_key(), SHA256()).public_bytes(Encoding.DER)


def weak(bits: int, exponent: int = 65537) -> bytes:
    return request(DNSName(NAME), key=rsa.generate_private_key(exponent, bits))


@pytest.mark.parametrize(
    "request_der",
    [
        csr(new_key(), NAME, "bank.example"),
        csr(new_key(), NAME, "more.partner.example"),
        csr(new_key(), NAME, "*.partner.example"),
        csr(new_key()),
        csr(new_key(), "more.partner.example"),
        csr(new_key(), NAME, NAME),
        csr(new_key(), f"{NAME}."),
        csr(new_key(), NAME, common_name="bank.example"),
        csr(new_key(), common_name=f"{NAME}\0.bank.example"),
        request(DNSName(NAME), x509.RFC822Name("root@partner.example")),
        request(DNSName(NAME), x509.UniformResourceIdentifier("https://bank.example/")),
        request(DNSName(NAME), ca=True),
        csr(new_key(), NAME)[:-1] + b"\0",
        csr(new_key(), NAME) + b"\0",
        b"",
        b"nonsense",
        weak(1024),
        weak(2048, 3),
    ],
    ids=[
        *("extra foreign name", "extra own name", "extra wildcard", "no name", "another name", "twice the name"),
        *("trailing dot", "CN is no SAN", "CN with NUL", "extra mail address", "extra URI", "a CA"),
        *("bad signature", "trailing octet", "empty", "nonsense", "RSA-1024", "exponent 3"),
    ],
)
def test_a_bad_request_leaves_the_order_ready(client: Client, request_der: bytes) -> None:
    order = client.new_order(NAME)

    refused(client.post(order.json["finalize"], {"csr": b64(request_der)}), 400, "badCSR")

    shown = client.post(order.headers["Location"]).json
    assert shown["status"] == "ready"
    assert "certificate" not in shown


def test_the_accounts_own_key_is_no_certificate_key(client: Client) -> None:
    order = client.new_order(NAME)

    refused(client.post(order.json["finalize"], {"csr": b64(csr(client.key, NAME))}), 400, "badCSR")


def test_another_accounts_key_is_no_certificate_key(client: Client, stranger: Client) -> None:
    order = client.new_order(NAME)

    refused(client.post(order.json["finalize"], {"csr": b64(csr(stranger.key, NAME))}), 400, "badCSR")


def test_another_subscribers_key_is_no_certificate_key(client: Client, stranger: Client) -> None:
    key = new_key()
    client.certificate("first.partner.example", key=key)
    order = stranger.new_order("www.other.example").json

    refused(stranger.post(order["finalize"], {"csr": b64(csr(key, "www.other.example"))}), 400, "badCSR")


@pytest.mark.parametrize(
    "name",
    [
        *("a\0.partner.example", "a.partner.example.", "A.partner.example", "a.partner.example..", "a.PARTNER.example"),
        *("ä.partner.example", "xn--ä.partner.example", "ä.xn--bcher-kva.partner.example", "xn--a.partner.example"),
        *("192.0.2.7", "[192.0.2.7]", "2001:db8::1", "0x7f.1", "127.1", "1.partner.example.7"),
        *(".partner.example", "a..partner.example", "-a.partner.example", "a-.partner.example", "a_b.partner.example"),
        *(
            "a" * 64 + ".partner.example",
            ".".join(["a" * 60] * 5) + ".partner.example",
            "",
            "*",
            "*.",
            "**.partner.example",
        ),
        *(
            "a.*.partner.example",
            "*.*.partner.example",
            "a b.partner.example",
            "a\n.partner.example",
            "a\u202e.partner.example",
        ),
        *(
            "http://a.partner.example",
            "a.partner.example:443",
            "a@partner.example",
            "partner.example/a",
            "a%00.partner.example",
        ),
    ],
)
def test_names_that_are_not_in_normal_form_are_refused(client: Client, name: str) -> None:
    before = state(client)

    refused(client.new_order(name), 400, "malformed")
    answer = client.post(client.directory["newAuthz"], {"identifier": {"type": "dns", "value": name}})
    refused(answer, 400, "malformed")
    assert state(client) == before


@pytest.mark.parametrize(
    "address", ["192.0.2.07", "192.0.2.7/32", "::ffff:192.0.2.7", "2001:DB8::1", "a.partner.example"]
)
def test_addresses_that_are_not_in_normal_form_are_refused(client: Client, address: str) -> None:
    answer = client.post(client.directory["newOrder"], {"identifiers": [{"type": "ip", "value": address}]})

    assert (answer.status, answer.problem) in {(400, "malformed"), (403, "rejectedIdentifier")}, answer.body


def test_a_hundred_and_one_names_are_too_many(client: Client) -> None:
    names = [f"n{number}.partner.example" for number in range(101)]

    refused(client.new_order(*names), 400, "malformed")
    assert client.new_order(*names[:100]).status == 201


@pytest.mark.parametrize(
    "name", ["bank.example", "partner.example", "example", "xpartner.example", "partner.example.evil.example"]
)
def test_nobody_elses_names_are_to_be_had(client: Client, name: str) -> None:
    refused(client.new_order(name), 403, "rejectedIdentifier")
    refused(client.new_order("mine.partner.example", name), 403, "rejectedIdentifier")


def test_a_wildcard_that_was_not_granted_is_refused(client: Client) -> None:
    refused(client.new_order("*.partner.example"), 403, "rejectedIdentifier")


def test_a_wildcard_that_was_granted_is_not_its_base(acme: House) -> None:
    options = ("--kind", "partner", "--subject", "CN=Wild,C=TW", "--dns", "*.wild.example")
    client = account(acme, acme.register(*options))

    assert client.new_order("*.wild.example").json["status"] == "ready"
    refused(client.new_order("wild.example"), 403, "rejectedIdentifier")
    refused(client.new_order("www.wild.example"), 403, "rejectedIdentifier")
    order = client.new_order("*.wild.example").json
    for name in ("wild.example", "www.wild.example"):
        refused(client.post(order["finalize"], {"csr": b64(csr(new_key(), name))}), 400, "badCSR")


def test_the_proof_of_a_plain_name_brings_no_wildcard(acme: House, site: Responder) -> None:
    names = ("--zone", PROVED, "--dns", PROVED, "--dns", f"*.{PROVED}", "--challenged")
    client = account(acme, acme.register("--kind", "partner", "--subject", "CN=Proved,C=TW", *names))
    site.play(PROVED, proof(client))
    plain = client.new_order(PROVED)
    answered(client, plain.json)
    assert client.post(plain.headers["Location"]).json["status"] == "ready"

    wild = client.new_order(f"*.{PROVED}")
    below = client.new_order(f"www.{PROVED}")

    for order in (wild, below):
        assert order.json["status"] == "pending"
        assert order.json["authorizations"] != plain.json["authorizations"]
        refused(client.post(order.json["finalize"], {"csr": b64(csr(new_key(), PROVED))}), 403, "orderNotReady")
    assert challenges(client, wild.json) == []
    refused(client.post(plain.json["finalize"], {"csr": b64(csr(new_key(), f"*.{PROVED}"))}), 400, "badCSR")


def test_what_one_account_proved_is_not_anothers(acme: House, site: Responder) -> None:
    name = f"mine.{PROVED}"
    options = ("--kind", "partner", "--subject", "CN=Two,C=TW", "--dns", name, "--challenged")
    sheet = acme.register(*options)
    one, two = account(acme, sheet), account(acme, sheet)
    site.play(name, proof(one))
    answered(one, one.new_order(name).json)

    order = two.new_order(name)

    assert order.json["status"] == "pending"
    # The page shows the other account's key authorization, which proves nothing of this one.
    (challenge,) = answered(two, order.json)
    assert challenge["error"]["type"] == "urn:ietf:params:acme:error:incorrectResponse"


def test_an_order_before_the_window_is_rate_limited(client: Client) -> None:
    client.certificate("held.partner.example")

    answer: Answer = client.new_order("held.partner.example")

    refused(answer, 429, "rateLimited")
    assert int(answer.headers["Retry-After"]) > 59 * 86_400
    assert "opens on" in answer.json["detail"]


def test_vetting_that_was_taken_back_issues_nothing(acme: House) -> None:
    sheet = registered(acme)
    client = account(acme, sheet)
    order = client.new_order(NAME)
    acme.command("close", sheet["account"])

    answer = client.post(order.json["finalize"], {"csr": b64(csr(new_key(), NAME))})

    assert answer.problem == "unauthorized"
    assert acme.certificates(sheet["account"]) == []

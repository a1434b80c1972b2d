"""RFC 8555, 7.1."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.names import dns, ip
from protocols.acme import problems, render
from protocols.acme.links import Links
from protocols.acme.objects import Account, Authorization, Challenge, Order
from protocols.acme.states import AccountStatus, AuthorizationStatus, ChallengeStatus, OrderStatus
from protocols.wire import Reply
from tests.builders.authority import house as authority_house

LINKS = Links("https://ca.example")
NOW = 1_900_000_000
ERROR = problems.stored("connection", "nobody answered")


def body(reply: Reply) -> Any:  # JSON of any shape
    assert ("Content-Type", "application/json") in reply.headers
    return json.loads(reply.body)


def headers(reply: Reply, name: str) -> list[str]:
    return [value for key, value in reply.headers if key == name]


def account(*, eab: str | None = None, contacts: tuple[str, ...] = ()) -> Account:
    return Account("a1", "r1", None, "thumb", "{}", contacts, AccountStatus.VALID, eab, NOW)


def order(*, status: OrderStatus = OrderStatus.PENDING, error: str | None = None) -> Order:
    names = (dns("*.a.example"), ip("192.0.2.1"))
    return Order("o1", "a1", status, names, "tls-server", NOW, error, None, NOW)


def authorization(name: str = "a.example", *, expires_at: int = NOW) -> Authorization:
    return Authorization("z1", "a1", dns(name), AuthorizationStatus.PENDING, False, expires_at, NOW)


def challenge(
    status: ChallengeStatus = ChallengeStatus.PENDING,
    *,
    error: str | None = None,
    validated_at: int | None = None,
) -> Challenge:
    return Challenge("c1", "z1", "http-01", "token", status, error, validated_at)


def test_the_directory_names_only_what_works() -> None:
    shown = body(render.directory(LINKS, render.Meta(external_account_required=True)))

    assert shown == {
        "newNonce": "https://ca.example/acme/new-nonce",
        "newAccount": "https://ca.example/acme/new-account",
        "newOrder": "https://ca.example/acme/new-order",
        "newAuthz": "https://ca.example/acme/new-authz",
        "renewalInfo": "https://ca.example/acme/renewal-info",
        "revokeCert": "https://ca.example/acme/revoke-cert",
        "keyChange": "https://ca.example/acme/key-change",
        "meta": {"externalAccountRequired": True},
    }


def test_the_directory_says_what_the_operator_says() -> None:
    meta = render.Meta(
        external_account_required=False,
        website="https://example",
        caa_identities=("ca.example",),
        profiles={"tls-server": "for servers"},
    )

    shown = body(render.directory(LINKS, meta))

    assert shown["meta"] == {
        "externalAccountRequired": False,
        "website": "https://example",
        "caaIdentities": ["ca.example"],
        "profiles": {"tls-server": "for servers"},
    }


def test_an_account_shows_its_contacts_and_its_binding() -> None:
    reply = render.account(LINKS, account(eab='{"protected":"x"}', contacts=("mailto:a@b.example",)), status=201)

    assert reply.status == 201
    assert headers(reply, "Location") == ["https://ca.example/acme/account/a1"]
    assert body(reply) == {
        "status": "valid",
        "orders": "https://ca.example/acme/account/a1/orders",
        "contact": ["mailto:a@b.example"],
        "externalAccountBinding": {"protected": "x"},
    }


def test_an_account_without_a_binding_shows_none() -> None:
    shown = body(render.account(LINKS, account()))

    assert "externalAccountBinding" not in shown
    assert shown["contact"] == []


def test_an_order_shows_what_was_ordered() -> None:
    reply = render.order(LINKS, order(), OrderStatus.PENDING, ["z1", "z2"], None)

    assert headers(reply, "Location") == ["https://ca.example/acme/order/o1"]
    assert headers(reply, "Retry-After") == []
    assert body(reply) == {
        "status": "pending",
        "identifiers": [{"type": "dns", "value": "*.a.example"}, {"type": "ip", "value": "192.0.2.1"}],
        "authorizations": ["https://ca.example/acme/authz/z1", "https://ca.example/acme/authz/z2"],
        "finalize": "https://ca.example/acme/order/o1/finalize",
        "profile": "tls-server",
        "expires": "2030-03-17T17:46:40Z",
    }


def test_a_valid_order_leads_to_its_certificate() -> None:
    reply = render.order(LINKS, order(), OrderStatus.VALID, ["z1"], "beef")

    assert body(reply)["certificate"] == "https://ca.example/acme/certificate/beef"


def test_a_processing_order_says_when_to_look_again() -> None:
    reply = render.order(LINKS, order(), OrderStatus.PROCESSING, ["z1"], None)

    assert headers(reply, "Retry-After") == ["1"]


def test_an_invalid_order_says_why() -> None:
    reply = render.order(LINKS, order(error=ERROR), OrderStatus.INVALID, ["z1"], None)

    assert body(reply)["error"] == json.loads(ERROR)


def test_the_authorization_of_a_wildcard_shows_the_name_without_it() -> None:
    shown = body(render.authorization(LINKS, authorization("*.a.example"), [], now=NOW))

    assert shown["identifier"] == {"type": "dns", "value": "a.example"}
    assert shown["wildcard"] is True


def test_the_authorization_of_a_plain_name_says_nothing_of_wildcards() -> None:
    shown = body(render.authorization(LINKS, authorization(), [challenge()], now=NOW))

    assert "wildcard" not in shown
    assert shown["challenges"] == [
        {
            "type": "http-01",
            "url": "https://ca.example/acme/challenge/c1",
            "status": "pending",
            "token": "token",
        }
    ]


def test_an_authorization_past_its_date_is_shown_so() -> None:
    assert body(render.authorization(LINKS, authorization(expires_at=NOW - 1), [], now=NOW))["status"] == "invalid"


def test_an_authorization_says_when_to_look_again_while_it_is_looked_at() -> None:
    reply = render.authorization(LINKS, authorization(), [challenge(ChallengeStatus.PROCESSING)], now=NOW)

    assert headers(reply, "Retry-After") == ["1"]


def test_a_challenge_leads_up_to_its_authorization() -> None:
    reply = render.challenge(LINKS, challenge(ChallengeStatus.PROCESSING))

    assert headers(reply, "Link") == ['<https://ca.example/acme/authz/z1>;rel="up"']
    assert headers(reply, "Retry-After") == ["1"]


@pytest.mark.parametrize(
    ("shown", "member", "value"),
    [
        (challenge(ChallengeStatus.VALID, validated_at=NOW), "validated", "2030-03-17T17:46:40Z"),
        (challenge(ChallengeStatus.INVALID, error=ERROR), "error", json.loads(ERROR)),
    ],
)
def test_a_finished_challenge_says_how_it_ended(shown: Challenge, member: str, value: object) -> None:
    reply = render.challenge(LINKS, shown)

    assert body(reply)[member] == value
    assert headers(reply, "Retry-After") == []


def test_a_full_page_of_orders_leads_to_the_next() -> None:
    reply = render.orders(LINKS, "a1", ["o2", "o1"], has_more=True)

    assert body(reply) == {"orders": ["https://ca.example/acme/order/o2", "https://ca.example/acme/order/o1"]}
    assert headers(reply, "Link") == ['<https://ca.example/acme/account/a1/orders?cursor=o1>;rel="next"']


def test_a_chain_starts_with_the_leaf() -> None:
    authority = authority_house("ec-p256").authority
    leaf, issuing = authority.root, authority.issuing

    reply = render.chain(leaf.public_bytes(Encoding.DER), issuing.public_bytes(Encoding.PEM))

    assert reply.headers == (("Content-Type", "application/pem-certificate-chain"),)
    assert x509.load_pem_x509_certificates(reply.body) == [leaf, issuing]

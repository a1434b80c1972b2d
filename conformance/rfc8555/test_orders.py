"""RFC 8555, 7.1.3, 7.1.4 and 7.4: orders, their authorizations, and what they become."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from cryptography import x509

from conformance.acme import Answer, Client, b64, csr, new_key
from conformance.responder import Responder, answered, proof

UNGUESSABLE = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[A-Za-z0-9_-]{22,}")


def ordered(client: Client, kind: str, value: str) -> Answer:
    return client.post(client.directory["newOrder"], {"identifiers": [{"type": kind, "value": value}]})


def authorization(client: Client, order: Answer, which: int = 0) -> dict[str, Any]:
    return client.post(order.json["authorizations"][which]).json


def test_an_order_says_when_it_expires_and_what_it_is_for(challenged: Client, client: Client) -> None:
    names = ["b.vetted.example", "a.vetted.example"]
    pending, ready = challenged.new_order("expires.proved.localhost"), client.new_order(*names)
    client.post(ready.json["finalize"], {"csr": b64(csr(new_key(), *names))})
    valid = client.post(ready.headers["Location"])

    shown = [pending.json, ready.json, valid.json]

    assert [one["status"] for one in shown] == ["pending", "ready", "valid"]
    assert all(datetime.fromisoformat(one["expires"]).tzinfo for one in shown)
    assert {one["value"] for one in ready.json["identifiers"]} == set(names)
    assert valid.json["certificate"].startswith(client.base)


def test_the_authorization_of_a_wildcard_is_marked(client: Client) -> None:
    wild = authorization(client, client.new_order("*.vetted.example"))
    plain = authorization(client, client.new_order("plain.vetted.example"))

    assert wild["identifier"] == {"type": "dns", "value": "vetted.example"}
    assert wild["wildcard"] is True
    assert plain["identifier"] == {"type": "dns", "value": "plain.vetted.example"}
    assert "wildcard" not in plain
    assert all(datetime.fromisoformat(one["expires"]).tzinfo for one in (wild, plain))


def test_what_an_order_names_never_changes(challenged: Client, site: Responder) -> None:
    name = "steady.proved.localhost"
    site.play(name, proof(challenged))
    order = challenged.new_order(name)
    seen = [order.json]

    answered(challenged, order.json)
    seen.append(challenged.post(order.headers["Location"]).json)
    seen.append(challenged.post(order.json["finalize"], {"csr": b64(csr(new_key(), name))}).json)
    seen.append(challenged.post(order.headers["Location"]).json)

    assert [one["status"] for one in seen] == ["pending", "ready", "valid", "valid"]
    assert all(one["identifiers"] == order.json["identifiers"] for one in seen)
    assert all(one["authorizations"] == order.json["authorizations"] for one in seen)


def test_an_authorization_of_an_earlier_order_is_shown_again(challenged: Client, site: Responder) -> None:
    name = "again.proved.localhost"
    site.play(name, proof(challenged))
    first = challenged.new_order(name)
    answered(challenged, first.json)

    second = challenged.new_order(name, "new.proved.localhost")

    assert first.json["authorizations"][0] in second.json["authorizations"]
    assert len(second.json["authorizations"]) == 2
    assert second.json["status"] == "pending"


@pytest.mark.parametrize("name", ["Upper.vetted.example", "dot.vetted.example.", "bücher.vetted.example", "192.0.2.7"])
def test_a_name_has_one_form(client: Client, name: str) -> None:
    assert ordered(client, "dns", name).problem == "malformed"


@pytest.mark.parametrize(
    ("label", "is_proper"),
    [
        ("xn--bcher-kva", True),
        ("xn--wgv71a119e", True),
        ("xn--", False),
        ("xn--a", False),
        ("xn--abc-", False),
        ("xn--9", False),
        # Upper case, a digit with its dot, and a flag.
        ("xn--bcher-87d", False),
        ("xn--a-ecp", False),
        ("xn--fn8h", False),
    ],
)
def test_an_a_label_is_a_proper_one(client: Client, label: str, is_proper: bool) -> None:
    answer = ordered(client, "dns", f"{label}.vetted.example")

    assert answer.status == (201 if is_proper else 400), answer.body
    assert is_proper or answer.problem == "malformed"


def test_what_cannot_be_had_as_asked_is_refused(client: Client) -> None:
    before = client.post(f"{client.account}/orders").body

    assert ordered(client, "dns", "www.elsewhere.example").problem == "rejectedIdentifier"
    assert ordered(client, "smoke-signal", "three puffs").problem == "unsupportedIdentifier"
    assert client.new_order().problem == "malformed"
    assert client.new_order("a.vetted.example", notAfter="2999-01-01T00:00:00Z").status in {400, 403}
    assert client.new_order("a.vetted.example", profile="nothing-like-this").problem == "invalidProfile"
    assert client.post(f"{client.account}/orders").body == before


def test_the_certificate_holds_what_was_ordered(client: Client) -> None:
    names = ["one.vetted.example", "two.vetted.example", "*.vetted.example"]
    key = new_key()

    _, der = client.certificate(*names, key=key)

    certificate = x509.load_der_x509_certificate(der)
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(san.get_values_for_type(x509.DNSName)) == sorted(names)
    assert len(list(san)) == len(names)
    assert certificate.public_key() == key.public_key()


def test_a_better_request_finalizes_after_a_bad_one(client: Client) -> None:
    name = "better.vetted.example"
    order = client.new_order(name)
    bad = client.post(order.json["finalize"], {"csr": b64(csr(new_key(), "worse.vetted.example"))})

    good = client.post(order.json["finalize"], {"csr": b64(csr(new_key(), name))})

    assert (bad.status, bad.problem) == (400, "badCSR")
    assert name in bad.json["detail"]
    assert good.json["status"] == "valid"


def test_urls_of_objects_cannot_be_guessed(client: Client) -> None:
    order = client.new_order("hidden.vetted.example")
    challenge = authorization(client, order)["challenges"][0]["url"]
    done = client.post(order.json["finalize"], {"csr": b64(csr(new_key(), "hidden.vetted.example"))})
    urls = [str(client.account), order.headers["Location"], order.json["authorizations"][0], challenge]

    for url in [*urls, done.json["certificate"]]:
        assert UNGUESSABLE.search(url), url
        assert "hidden" not in url
        # Neighbours of an id lead nowhere: half of it is random.
        assert client.post(url[:-8] + "0" * 8).status == 404

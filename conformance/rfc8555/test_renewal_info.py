"""RFC 9773: what is told of renewal, beside what ../test_renewal_info.py sees over the life of certificates."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509

from conformance.acme import Client, b64, certificate_id


def test_everybody_may_ask_and_is_told_when(client: Client) -> None:
    _, der = client.certificate("ari.vetted.example")
    leaf = x509.load_der_x509_certificate(der)

    answer = client.get(f"{client.directory['renewalInfo']}/{certificate_id(der)}")

    assert answer.status == 200
    window = {name: datetime.fromisoformat(time) for name, time in answer.json["suggestedWindow"].items()}
    assert leaf.not_valid_before_utc < window["start"] < window["end"] <= leaf.not_valid_after_utc
    assert int(answer.headers["Retry-After"]) > 60


def test_an_order_shows_what_it_replaces_then_and_later(client: Client) -> None:
    _, der = client.certificate("replaced.vetted.example")
    client.post(client.directory["revokeCert"], {"certificate": b64(der), "reason": 4})

    order = client.new_order("replaced.vetted.example", replaces=certificate_id(der))

    assert order.status == 201
    assert order.json["replaces"] == certificate_id(der)
    assert client.post(order.headers["Location"]).json["replaces"] == certificate_id(der)

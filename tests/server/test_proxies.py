"""Who asks, behind a proxy (RFC 9440; RFC 7239): by the word of those that settings name, and of nobody else."""

from __future__ import annotations

import base64
import ssl
from datetime import timedelta

import msgspec
import pytest
from cryptography import x509

from ca_core.errors import BadRequest, CertificateNotAccepted, Misconfigured
from protocols.wire import Peer, Request
from server.listeners import est_context
from server.proxies import Proxies, checked_networks
from server.settings import from_builtins
from tests.builders.tls import CLIENT, NOW, SERVER, Leaf, TestCa

CA = TestCa()
DEVICE = CA.issue("device", usage=CLIENT)
OF_NO_VERSION = DEVICE.der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x05", 1)
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0")
PROXYS_OWN = CA.issue("proxy", usage=CLIENT)
PROXY, STRANGER = "10.0.0.5", "192.0.2.7"
NETWORKS = (f"{PROXY}/32", "10.1.0.0/16", "2001:db8:1::/48")


@pytest.fixture(params=[True, False], ids=["pyOpenSSL", "library"])
def tls(request: pytest.FixtureRequest) -> ssl.SSLContext:
    return est_context(CA.pem, exporting=request.param)


def field(leaf: Leaf | TestCa) -> str:
    der = leaf.der if isinstance(leaf, Leaf) else ssl.PEM_cert_to_DER_cert(leaf.pem)
    return f":{base64.b64encode(der).decode()}:"


def asked(address: str, **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    peer = Peer(address, certificate=PROXYS_OWN.der, tls_unique=bytes(12), tls_exporter=bytes(32))
    return Request("POST", "/", {"host": "localhost", **named}, b"", peer)


def source(**headers: str) -> str:
    return Proxies(NETWORKS).judged(asked(PROXY, **headers)).peer.address


def test_a_proxy_brings_its_clients_certificate_and_not_its_own(tls: ssl.SSLContext) -> None:
    judged = Proxies(NETWORKS, tls).judged(asked(PROXY, client_cert=field(DEVICE), x_forwarded_for=STRANGER))

    assert judged.peer == Peer(STRANGER, certificate=DEVICE.der)
    assert judged.headers == {"host": "localhost"}
    assert judged.peer.channel_binding is None


@pytest.mark.parametrize("nothing", [{}, {"client_cert": ""}, {"client_cert": "::"}])
def test_a_client_without_a_certificate_has_none_through_a_proxy_either(
    tls: ssl.SSLContext, nothing: dict[str, str]
) -> None:
    assert Proxies(NETWORKS, tls).judged(asked(PROXY, **nothing)).peer == Peer(PROXY)


@pytest.mark.parametrize("name", ["client_cert", "client_cert_chain"])
@pytest.mark.parametrize("networks", [(), NETWORKS])
def test_a_certificate_from_anybody_else_is_refused(tls: ssl.SSLContext, name: str, networks: tuple[str, ...]) -> None:
    with pytest.raises(BadRequest, match=r"est\.proxies names, and 192\.0\.2\.7 is none"):
        Proxies(networks, tls).judged(asked(STRANGER, **{name: field(DEVICE)}))


def test_where_nobody_asks_for_certificates_the_field_is_left_out() -> None:
    request = asked(STRANGER, client_cert=field(DEVICE), x_forwarded_for="203.0.113.9", forwarded="for=203.0.113.9")

    judged = Proxies(NETWORKS).judged(request)

    assert judged.peer == request.peer
    assert judged.headers == {"host": "localhost"}


def test_what_has_no_such_field_stays_as_it_is() -> None:
    request = asked(STRANGER)

    assert Proxies(NETWORKS).judged(request) is request


def test_an_expired_certificate_comes_through_to_be_told_so(tls: ssl.SSLContext) -> None:
    leaf = CA.issue("device", usage=CLIENT, end=NOW - timedelta(hours=1))

    assert Proxies(NETWORKS, tls).judged(asked(PROXY, client_cert=field(leaf))).peer.certificate == leaf.der


@pytest.mark.parametrize(
    "leaf",
    [
        TestCa("Other").issue("device", usage=CLIENT),
        TestCa().issue("device", usage=CLIENT),
        CA.issue("d", usage=SERVER),
        CA.issue("device", usage=CLIENT, critical=UNKNOWN),
    ],
    ids=["foreign", "of another CA of this name", "not for clients", "with a critical extension that nobody knows"],
)
def test_a_certificate_that_no_handshake_would_take_is_refused(tls: ssl.SSLContext, leaf: Leaf) -> None:
    with pytest.raises(CertificateNotAccepted):
        Proxies(NETWORKS, tls).judged(asked(PROXY, client_cert=field(leaf)))


def test_a_certificate_may_be_critical_where_it_is_understood(tls: ssl.SSLContext) -> None:
    uses = x509.ExtendedKeyUsage([CLIENT])
    leaf = CA.issue("device", usage=None, critical=uses)

    assert Proxies(NETWORKS, tls).judged(asked(PROXY, client_cert=field(leaf))).peer.certificate == leaf.der


def test_a_chain_leads_to_a_ca_that_is_trusted(tls: ssl.SSLContext) -> None:
    first = TestCa("First", parent=CA)
    second = TestCa("Second", parent=first)
    leaf = second.issue("device", usage=CLIENT)
    proxies = Proxies(NETWORKS, tls)

    judged = proxies.judged(asked(PROXY, client_cert=field(leaf), client_cert_chain=f"{field(second)}, {field(first)}"))

    assert judged.peer.certificate == leaf.der
    for lacking in ("", field(second), field(first)):
        with pytest.raises(CertificateNotAccepted):
            proxies.judged(asked(PROXY, client_cert=field(leaf), client_cert_chain=lacking))


def test_what_is_no_ca_issues_nothing(tls: ssl.SSLContext) -> None:
    false = CA.issue("Device CA", usage=None)
    leaf = TestCa.of(false).issue("device", usage=CLIENT)

    with pytest.raises(CertificateNotAccepted):
        Proxies(NETWORKS, tls).judged(asked(PROXY, client_cert=field(leaf), client_cert_chain=field(false)))


@pytest.mark.parametrize(
    "value",
    [
        "nonsense",
        ":AAAA:",
        f"{field(DEVICE)}, {field(DEVICE)}",
        field(DEVICE)[:-1],
        field(DEVICE)[:-5] + ":",
        f"{field(DEVICE)};a=1",
        ":AA-_:",
        "-----BEGIN%20CERTIFICATE-----",
        f":{base64.b64encode(OF_NO_VERSION).decode()}:",
    ],
)
def test_what_is_not_as_rfc_9440_says_is_refused(tls: ssl.SSLContext, value: str) -> None:
    with pytest.raises(BadRequest, match="RFC 9440"):
        Proxies(NETWORKS, tls).judged(asked(PROXY, client_cert=value))


def test_a_chain_has_an_end(tls: ssl.SSLContext) -> None:
    with pytest.raises(BadRequest, match="more than 6"):
        Proxies(NETWORKS, tls).judged(
            asked(PROXY, client_cert=field(DEVICE), client_cert_chain=",".join([field(CA)] * 7))
        )


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({}, PROXY),
        ({"x_forwarded_for": "192.0.2.7"}, "192.0.2.7"),
        ({"x_forwarded_for": "203.0.113.9, 192.0.2.7"}, "192.0.2.7"),
        ({"x_forwarded_for": "203.0.113.9, 192.0.2.7, 10.1.2.3"}, "192.0.2.7"),
        ({"x_forwarded_for": "192.0.2.7:4711"}, "192.0.2.7"),
        ({"x_forwarded_for": "[2001:db8::7]:4711"}, "2001:db8::7"),
        ({"x_forwarded_for": "2001:DB8::7"}, "2001:db8::7"),
        ({"x_forwarded_for": "192.0.2.7, unknown"}, "unknown"),
        ({"x_forwarded_for": "10.1.2.3"}, PROXY),
        ({"x_forwarded_for": ""}, "unknown"),
        ({"forwarded": "for=192.0.2.7;proto=https"}, "192.0.2.7"),
        ({"forwarded": 'proto=https;For="[2001:db8::7]:4711"'}, "2001:db8::7"),
        ({"forwarded": 'for="203.0.113.9, for=192.0.2.7'}, "192.0.2.7"),
        ({"forwarded": "for=_hidden"}, "unknown"),
        ({"forwarded": "proto=https"}, "unknown"),
        ({"forwarded": "for=192.0.2.7", "x_forwarded_for": "192.0.2.7"}, "192.0.2.7"),
        ({"forwarded": "for=203.0.113.9", "x_forwarded_for": "192.0.2.7"}, "unknown"),
        ({"forwarded": "for=_hidden", "x_forwarded_for": "192.0.2.7"}, "unknown"),
    ],
)
def test_the_source_is_the_last_address_that_is_no_proxy(headers: dict[str, str], address: str) -> None:
    assert source(**headers) == address


@pytest.mark.parametrize(
    ("text", "why"), [("proxy.example", "not a network"), ("0.0.0.0/0", "no proxy"), ("::/0", "no proxy")]
)
@pytest.mark.parametrize("key", ["proxies", "est.proxies"])
def test_settings_name_proxies_by_address(key: str, text: str, why: str) -> None:
    values = {"host": "localhost", "port": 8443}
    values |= {"est": {"proxies": [text]}} if key.startswith("est") else {"proxies": [text]}

    with pytest.raises(Misconfigured, match=f"{key}: .*{why}"):
        from_builtins(msgspec.to_builtins(values))
    checked_networks(key, ("10.0.0.5", "2001:db8::/64"))


def test_possession_cannot_be_required_behind_a_proxy() -> None:
    label = {"device": {"challenge_password": "pop-required"}}
    values = {"host": "localhost", "port": 8443}

    from_builtins(values | {"est": {"labels": label}})
    with pytest.raises(Misconfigured, match=r'"pop-required" and est\.proxies exclude each other'):
        from_builtins(values | {"est": {"labels": label, "proxies": ["10.0.0.5"]}})

"""RFC 8737, 3; RFC 8738, 6: which certificate answers tls-alpn-01."""

from __future__ import annotations

import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from ca_core import names
from protocols.acme import alpn
from tests.builders.alpn import certificate

KEY_AUTHORIZATION = "token.thumbprint"
NAME = names.dns("www.example")
SAN = (x509.DNSName("www.example"),)
V6 = "2001:db8::7"
RIGHT = certificate(SAN, KEY_AUTHORIZATION)
DER = RIGHT.public_bytes(Encoding.DER)
SIGNED_END = DER.index(RIGHT.tbs_certificate_bytes) + len(RIGHT.tbs_certificate_bytes)
SERIAL_PLACE = 14


GIANT = rsa.RSAPublicNumbers(e=65537, n=(1 << 16_383) + 1).public_key()


def objection(made: x509.Certificate, identifier: names.Identifier = NAME) -> str | None:
    return alpn.objection(made.public_bytes(Encoding.DER), identifier, KEY_AUTHORIZATION)


def test_the_right_certificate_is_not_objected_to() -> None:
    assert objection(certificate(SAN, KEY_AUTHORIZATION)) is None


def test_names_are_compared_without_regard_to_case() -> None:
    assert objection(certificate([x509.DNSName("WWW.Example")], KEY_AUTHORIZATION)) is None


@pytest.mark.parametrize("address", ["192.0.2.7", V6])
def test_an_address_is_proved_by_an_address(address: str) -> None:
    named = x509.IPAddress(ipaddress.ip_address(address))

    assert objection(certificate([named], KEY_AUTHORIZATION), names.ip(address)) is None
    assert "another name" in str(objection(certificate(SAN, KEY_AUTHORIZATION), names.ip(address)))
    assert "another name" in str(objection(certificate([named], KEY_AUTHORIZATION)))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (certificate(SAN, "another.thumbprint"), "something other than the digest"),
        (certificate(SAN, KEY_AUTHORIZATION, extension=b"\x04\x03abc"), "something other than the digest"),
        (certificate(SAN, KEY_AUTHORIZATION, critical=False), "not critical"),
        (certificate(SAN, KEY_AUTHORIZATION, with_proof=False), "no acmeIdentifier"),
        (certificate([*SAN, x509.DNSName("mail.example")], KEY_AUTHORIZATION), "2 subject alternative names"),
        (certificate([], KEY_AUTHORIZATION), "0 subject alternative names"),
        (certificate([x509.DNSName("mail.example")], KEY_AUTHORIZATION), "another name"),
        (certificate([x509.RFC822Name("a@www.example")], KEY_AUTHORIZATION), "another name"),
        (certificate(SAN, KEY_AUTHORIZATION, signed_by_ca=True), "not self-signed"),
        (certificate(SAN, KEY_AUTHORIZATION, issuer="CN=Some CA"), "not self-signed"),
        # 12 ms of the event loop, for every client of the server.
        (certificate(SAN, KEY_AUTHORIZATION, public_key=GIANT), "too large"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said_in_kind(made: x509.Certificate, words: str) -> None:
    assert words in str(objection(made))


@pytest.mark.parametrize("der", [b"", b"0\x00", b"no certificate"])
def test_what_is_no_certificate_cannot_be_read(der: bytes) -> None:
    assert alpn.objection(der, NAME, KEY_AUTHORIZATION) == "cannot be read"


# What is signed, less the serial: the library warns of some, and any will do here.
@given(st.integers(0, SIGNED_END - 1).filter(lambda place: place != SERIAL_PLACE), st.integers(1, 255))
def test_an_altered_certificate_never_proves(place: int, bits: int) -> None:
    altered = DER[:place] + bytes([DER[place] ^ bits]) + DER[place + 1 :]

    assert alpn.objection(altered, NAME, KEY_AUTHORIZATION)


def test_the_server_name_of_an_address_is_its_name_in_the_reverse_tree() -> None:
    assert alpn.server_name(NAME) == "www.example"
    assert alpn.server_name(names.ip("192.0.2.7")) == "7.2.0.192.in-addr.arpa"
    assert alpn.server_name(names.ip(V6)).endswith(".8.b.d.0.1.0.0.2.ip6.arpa")

"""RFC 4211 as RFC 5272, 3.2.1.2.2 and RFC 5274, 4.3 narrow it: what a CertReqMsg holds, and how it proves its key."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from ca_core import der, names
from ca_core.errors import BadCsr, CaRequested, Malformed, PossessionNotProved, Refusal, TooLarge, WeakKey
from ca_core.policy import crmf
from ca_core.policy.request import MAX_OCTETS
from conformance.cmc import SEQUENCE, Template, element
from tests.builders.csr import ec_key, ed25519_key, ml_dsa_key, rsa_key
from tests.builders.est import Csr, new_key

KEY = ec_key()
SUBJECT = x509.Name.from_rfc4514_string("CN=meter,C=TW")
PLAIN = Template(KEY, SUBJECT)
NULL = b"\x05\x00"
CHANGE = "1.3.6.1.5.5.7.7.36"
CHANGING = replace(PLAIN, controls=[(CHANGE, element(SEQUENCE, SUBJECT.public_bytes()))]).der()


def test_subject_key_and_extensions_are_read() -> None:
    san = x509.SubjectAlternativeName([x509.DNSName("A.example")])
    template = replace(PLAIN, extensions=[san], controls=[(CHANGE, element(SEQUENCE, SUBJECT.public_bytes()))])

    found = crmf.parse_any(template.der(4711))

    assert found.public_key == KEY.public_key()
    assert (found.subject_der, found.common_names) == (SUBJECT.public_bytes(), ("meter",))
    assert found.names == frozenset({names.dns("a.example")})
    assert found.san_requested
    assert found.change is not None
    assert found.change.subject_der == SUBJECT.public_bytes()
    assert crmf.request_id(template.der(4711)) == 4711


def test_an_empty_subject_is_one_and_none_is_not() -> None:
    assert crmf.parse(Template(KEY).der()).subject_der == x509.Name([]).public_bytes()
    with pytest.raises(BadCsr, match="must have a subject"):
        crmf.parse(Template(KEY, subject=None).der())


def test_a_template_without_a_key_is_refused() -> None:
    template = element(SEQUENCE, element(0xA5, SUBJECT.public_bytes()))
    request = element(SEQUENCE, core.Integer(1).dump(), template)

    with pytest.raises(BadCsr, match="and a public key"):
        crmf.parse(element(SEQUENCE, request, PLAIN.signed(request)))


def test_what_the_ca_decides_is_not_looked_at() -> None:
    # version, serialNumber, issuer and validity.
    more = b"\x80\x01\x02\x81\x01\x07" + element(0xA3, SUBJECT.public_bytes()) + element(0xA4)

    assert crmf.parse(replace(PLAIN, more=more).der()).names == frozenset()


@pytest.mark.parametrize(
    "possession",
    [b"", b"\x80\x00", element(0xA2, b"\x81\x01\x00"), element(0xA3, b"\x81\x01\x00")],
    ids=["none", "raVerified", "keyEncipherment", "keyAgreement"],
)
def test_possession_is_proved_by_a_signature_alone(possession: bytes) -> None:
    with pytest.raises(PossessionNotProved, match="in no other way"):
        crmf.parse(replace(PLAIN, possession=possession).der())


def test_the_signature_is_the_keys_and_over_the_request() -> None:
    for wrong in (Template(new_key()).signed(PLAIN.parts(1)[0]), PLAIN.signed(b"something else")):
        with pytest.raises(PossessionNotProved, match="is wrong"):
            crmf.parse(replace(PLAIN, possession=wrong).der())


def test_a_signing_key_input_is_not_used() -> None:
    signed = PLAIN.signed(PLAIN.parts(1)[0])
    with_input = element(0xA1, element(0xA0, NULL), core.Sequence.load(b"\x30" + signed[1:]).contents)

    with pytest.raises(BadCsr, match="POPOSigningKeyInput"):
        crmf.parse(replace(PLAIN, possession=with_input).der())


def test_registration_information_is_not_used() -> None:
    with pytest.raises(BadCsr, match="regInfo"):
        crmf.parse(replace(PLAIN, registration=element(SEQUENCE, element(SEQUENCE, NULL))).der())


@pytest.mark.parametrize("number", [1, 2, 4], ids=["regToken", "authenticator", "pkiArchiveOptions"])
def test_controls_that_cmc_does_not_use_are_refused(number: int) -> None:
    with pytest.raises(BadCsr, match="CMC does not use"):
        crmf.parse(replace(PLAIN, controls=[(f"1.3.6.1.5.5.7.5.1.{number}", NULL)]).der())


def test_controls_that_say_nothing_here_are_let_pass() -> None:
    for number in (3, 5, 6):
        crmf.parse(replace(PLAIN, controls=[(f"1.3.6.1.5.5.7.5.1.{number}", NULL)]).der())


def test_no_ca_certificate_is_asked_for() -> None:
    with pytest.raises(CaRequested):
        crmf.parse(replace(PLAIN, extensions=[x509.BasicConstraints(ca=True, path_length=None)]).der())


def test_an_extension_comes_once() -> None:
    constraints = x509.BasicConstraints(ca=False, path_length=None)
    with pytest.raises(BadCsr, match="one extension twice"):
        crmf.parse(replace(PLAIN, extensions=[constraints, constraints]).der())


def with_key(spki: bytes, algorithm: str, sign: object) -> bytes:
    public_key = element(0xA6, core.Sequence.load(spki).contents)
    template = element(SEQUENCE, element(0xA5, SUBJECT.public_bytes()), public_key)
    request = element(SEQUENCE, core.Integer(1).dump(), template)
    identifier = element(SEQUENCE, core.ObjectIdentifier(algorithm).dump())
    assert callable(sign)
    return element(SEQUENCE, request, element(0xA1, identifier, core.OctetBitString(sign(request)).dump()))


def spki_of(key: object) -> bytes:
    assert hasattr(key, "public_key")
    found: bytes = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return found


def test_each_kind_of_key_signs_in_its_way() -> None:
    rsa_private, small, large = rsa_key(), ed25519_key(), ml_dsa_key()
    p384 = ec_key("secp384r1")

    found = [
        crmf.parse(with_key(spki_of(rsa_private), "1.2.840.113549.1.1.11", lambda data: by_rsa(rsa_private, data))),
        crmf.parse(with_key(spki_of(p384), "1.2.840.10045.4.3.3", lambda data: p384.sign(data, ec.ECDSA(SHA384())))),
        crmf.parse(with_key(spki_of(small), "1.3.101.112", small.sign)),
        crmf.parse(with_key(spki_of(large), "2.16.840.1.101.3.4.3.18", large.sign)),
    ]

    assert [one.spki for one in found] == [spki_of(key) for key in (rsa_private, p384, small, large)]


def by_rsa(key: rsa.RSAPrivateKey, data: bytes) -> bytes:
    return key.sign(data, padding.PKCS1v15(), SHA256())


@pytest.mark.parametrize(
    "algorithm", ["1.2.840.113549.1.1.5", "1.2.840.10045.4.1", "1.2.840.113549.1.1.11", "1.3.101.112"]
)
def test_an_algorithm_off_the_list_or_of_another_key_is_refused(algorithm: str) -> None:
    with pytest.raises(BadCsr, match="must be signed with"):
        crmf.parse(with_key(spki_of(KEY), algorithm, lambda data: KEY.sign(data, ec.ECDSA(SHA256()))))
    small = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(BadCsr, match="must be signed with"):
        crmf.parse(with_key(spki_of(small), "1.2.840.10045.4.3.2", small.sign))


def test_a_key_that_cannot_sign_proves_nothing() -> None:
    with pytest.raises(PossessionNotProved):
        crmf.parse(with_key(spki_of(x25519.X25519PrivateKey.generate()), "1.3.101.112", lambda _: b"x"))


def test_a_giant_key_is_not_tried() -> None:
    numbers = rsa.RSAPublicNumbers(65537, (1 << 9000) + 1).public_key()
    spki = numbers.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    with pytest.raises(WeakKey):
        crmf.parse(with_key(spki, "1.2.840.113549.1.1.11", lambda _: b"x"))


def test_pkcs_10_is_told_from_it() -> None:
    assert not crmf.is_crmf(Csr().der())
    assert crmf.is_crmf(PLAIN.der())
    assert crmf.parse_any(Csr().der()).names == frozenset()


@pytest.mark.parametrize(
    "none", [b"", b"\x30\x00", b"\x30\x02\x30\x00", b"what is this", element(SEQUENCE, NULL, NULL)]
)
def test_what_is_no_request_is_refused(none: bytes) -> None:
    with pytest.raises(BadCsr):
        crmf.parse_any(none)
    with pytest.raises(ValueError, match=r".*"):
        crmf.request_id(none)


def test_a_curve_that_is_not_known_is_refused() -> None:
    spki = spki_of(KEY).replace(bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d030109"))

    with pytest.raises(BadCsr):
        crmf.parse(with_key(spki, "1.2.840.10045.4.3.2", lambda _: b"x"))


def test_too_much_is_not_read() -> None:
    with pytest.raises(TooLarge):
        crmf.parse_any(element(SEQUENCE, bytes(MAX_OCTETS)))
    with pytest.raises(TooLarge):
        crmf.parse(bytes(MAX_OCTETS + 1))


@pytest.mark.parametrize("algorithm", ["EC -pkeyopt ec_paramgen_curve:P-384", "RSA -pkeyopt rsa_keygen_bits:2048"])
def test_what_openssl_writes_is_read(tmp_path: Path, algorithm: str) -> None:
    """Its `cmp` writes a CertReqMsg into a message of another protocol, and keeps the message though nobody answers."""
    key, message = tmp_path / "key.pem", tmp_path / "request.der"
    make = ["openssl", "genpkey", "-out", str(key), "-algorithm", *algorithm.split()]
    subprocess.run(make, check=True, capture_output=True)
    asked = ["-newkey", str(key), "-subject", "/C=TW/CN=meter", "-sans", "a.example", "-recipient", "/CN=ca"]
    nobody = ["-server", "127.0.0.1:1", "-msg_timeout", "1", "-total_timeout", "1", "-ref", "x", "-secret", "pass:x"]
    kept = ["-reqout", str(message), "-certout", str(tmp_path / "none.pem")]
    subprocess.run(["openssl", "cmp", "-cmd", "ir", *asked, *nobody, *kept], check=False, capture_output=True)
    body = der.elements(message.read_bytes())[1]
    (listed,) = der.elements(bytes((SEQUENCE,)) + body[1:])

    found = crmf.parse_any(der.elements(listed)[0])

    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    assert found.spki == spki_of(loaded)
    assert found.names == frozenset({names.dns("a.example")})
    assert found.common_names == ("meter",)


@settings(max_examples=300)
@given(st.data())
def test_whatever_comes_is_read_or_refused(data: st.DataObject) -> None:
    octets = bytearray(CHANGING)
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))

    with suppress(Malformed, Refusal):
        crmf.parse_any(bytes(octets))

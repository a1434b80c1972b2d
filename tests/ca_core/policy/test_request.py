from __future__ import annotations

import ipaddress
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.x509.oid import AttributeOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from ca_core import der, names
from ca_core.clock import as_datetime
from ca_core.errors import (
    BadCsr,
    BadName,
    CaRequested,
    CertificateNotAccepted,
    ExtensionNotServed,
    PossessionNotProved,
    SoapstoneError,
    TooLarge,
)
from ca_core.policy.request import (
    EST_IDENTITY_LINKING,
    OTP_CHALLENGE,
    REVOCATION_CHALLENGE,
    names_of,
    parse,
    same_subject,
)
from ca_core.policy.subject import subject_der
from tests.builders.csr import (
    MICROSOFT_EXTENSION_REQUEST,
    PERMANENT_IDENTIFIER,
    SUBJECT,
    Digest,
    Key,
    attribute,
    csr,
    ec_key,
    ed25519_key,
    extension_request,
    permanent_identifier,
    raw_csr,
    raw_san,
    rsa_key,
    spki,
)

EXAMPLE = x509.DNSName("www.example.com")
CHINESE = "CN=陳怡如,O=臺灣網路認證股份有限公司,C=TW"
CA = x509.BasicConstraints(ca=True, path_length=None)
NAMES = (
    EXAMPLE,
    x509.DNSName("*.example.com"),
    x509.IPAddress(ipaddress.ip_address("192.0.2.7")),
    x509.IPAddress(ipaddress.ip_address("2001:db8::7")),
    x509.RFC822Name("yiru@example.com"),
    x509.UniformResourceIdentifier("urn:dev:ow:10e2073a01080063"),
    permanent_identifier("SN-0042"),
)


def key_usage(*, cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


# -- What is read ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", [SUBJECT, CHINESE, ""])
def test_the_subject_comes_out_byte_for_byte(subject: str) -> None:
    request = parse(csr(subject=subject))

    assert request.subject_der == (subject_der(subject) if subject else der.EMPTY_SEQUENCE)


def test_common_names_are_read() -> None:
    request = parse(csr(subject=CHINESE))

    assert request.common_names == ("陳怡如",)


def test_every_kind_of_name_is_read() -> None:
    request = parse(csr(san=NAMES))

    assert request.san_requested
    assert request.names == {
        names.dns("www.example.com"),
        names.dns("*.example.com"),
        names.ip("192.0.2.7"),
        names.ip("2001:db8::7"),
        names.email("yiru@example.com"),
        names.uri("urn:dev:ow:10e2073a01080063"),
        names.permanent("SN-0042"),
    }


def test_a_request_without_names_has_none() -> None:
    request = parse(csr())

    assert (request.names, request.san_requested) == (frozenset(), False)


def test_upper_case_in_a_dns_name_is_the_same_name() -> None:
    request = parse(csr(san=[x509.DNSName("WWW.Example.com")]))

    assert request.names == {names.dns("www.example.com")}


def test_a_challenge_password_is_read_whatever_its_string_type() -> None:
    texts = [
        parse(csr(challenge_password="s3cret=")).challenge_password,
        parse(raw_csr([attribute(AttributeOID.CHALLENGE_PASSWORD, b"\x13\x02ab")])).challenge_password,
        parse(raw_csr([attribute(AttributeOID.CHALLENGE_PASSWORD, b"\x1e\x04\0a\0b")])).challenge_password,
        parse(csr()).challenge_password,
    ]

    assert texts == ["s3cret=", "ab", "ab", None]


@pytest.mark.parametrize("string", [b"\x13\x02ab", b"\x0c\x02ab"], ids=["PrintableString", "UTF8String"])
def test_the_challenges_of_rfc_7894_are_told_apart(string: bytes) -> None:
    """RFC 7894, 3."""
    kinds = (OTP_CHALLENGE, REVOCATION_CHALLENGE, EST_IDENTITY_LINKING)

    read = [parse(raw_csr([attribute(kind, string)])) for kind in kinds]

    found = [(one.otp_challenge, one.revocation_challenge, one.identity_linking) for one in read]
    assert found == [("ab", None, None), (None, "ab", None), (None, None, "ab")]
    assert {one.challenge_password for one in read} == {None}


def test_windows_asks_for_extensions_in_its_own_way() -> None:
    san = x509.SubjectAlternativeName([EXAMPLE])

    request = parse(raw_csr([extension_request(san, oid=MICROSOFT_EXTENSION_REQUEST)]))

    assert request.names == {names.dns("www.example.com")}


def test_other_extensions_are_ignored_even_broken_ones() -> None:
    san = x509.SubjectAlternativeName([EXAMPLE])
    broken = x509.UnrecognizedExtension(x509.ExtendedKeyUsage.oid, b"\xff")

    request = parse(raw_csr([extension_request(san, broken, key_usage())]))

    assert request.names == {names.dns("www.example.com")}


def test_false_that_is_spelled_out_is_no_ca() -> None:
    spelled_out = x509.UnrecognizedExtension(CA.oid, b"\x30\x03\x01\x01\x00")

    assert parse(raw_csr([extension_request(spelled_out)])).names == frozenset()


@pytest.mark.parametrize("key", [ec_key(), ec_key("secp384r1"), rsa_key(), ed25519_key()])
def test_a_key_is_known_by_its_canonical_encoding(key: Key) -> None:
    request = parse(csr(key))

    assert request.spki == spki(key)
    assert len(request.spki_sha256) == 32


def test_one_key_in_two_encodings_is_one_key() -> None:
    canonical = spki(ec_key())
    # The same point, compressed: 02 or 03 by the parity of y, then x.
    point = canonical[-65:]
    compressed = bytes((2 + (point[-1] & 1),)) + point[1:33]
    algorithm = canonical[2:-68]

    request = parse(raw_csr(spki_der=der.sequence(algorithm, der.header(0x03, 34), b"\0", compressed)))

    assert request.spki == canonical


def test_a_request_of_openssl_is_read(tmp_path: Path) -> None:
    config = tmp_path / "req.cnf"
    config.write_text(
        "[req]\ndistinguished_name=dn\nattributes=attrs\nreq_extensions=ext\nprompt=no\n"
        "[dn]\nC=TW\nO=TWCA\nCN=device-7\n[attrs]\nchallengePassword=tls-unique-proof\n"
        "[ext]\nbasicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n"
        "subjectAltName=DNS:device-7.example.com,otherName:1.3.6.1.5.5.7.8.3;SEQUENCE:pi\n"
        "[pi]\nvalue=UTF8:SN-0042\n"
    )
    command = ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-config", str(config)]
    command += ["-keyout", str(tmp_path / "key.pem"), "-outform", "DER", "-out", str(tmp_path / "req.der")]
    subprocess.run(command, check=True, capture_output=True)

    request = parse((tmp_path / "req.der").read_bytes())

    assert request.names == {names.dns("device-7.example.com"), names.permanent("SN-0042")}
    assert (request.common_names, request.challenge_password) == (("device-7",), "tls-unique-proof")


# -- Proof of possession ---------------------------------------------------------------------------------


@pytest.mark.parametrize("digest", [SHA256(), SHA384(), SHA512()])
@pytest.mark.parametrize("key", [ec_key(), rsa_key()])
def test_the_listed_hashes_are_taken(key: Key, digest: Digest) -> None:
    parse(csr(key, digest=digest))


def test_pss_is_taken() -> None:
    parse(csr(rsa_key(), pss=True))


@pytest.mark.parametrize("algorithm", ["sha1", "md5", "sha224", "sha3-256"])
def test_other_hashes_are_refused(algorithm: str, tmp_path: Path) -> None:
    command = ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=a", f"-{algorithm}"]
    command += ["-keyout", str(tmp_path / "key.pem"), "-outform", "DER"]
    request = subprocess.run(command, check=True, capture_output=True).stdout

    with pytest.raises(BadCsr, match="signed with SHA-256"):
        parse(request)


@pytest.mark.parametrize("key", [ec_key(), rsa_key(), ed25519_key()])
def test_a_wrong_signature_is_refused(key: Key) -> None:
    request = bytearray(csr(key))
    request[-1] ^= 1

    with pytest.raises(PossessionNotProved, match="signature"):
        parse(bytes(request))


def test_a_request_signed_by_another_key_is_refused() -> None:
    with pytest.raises(PossessionNotProved, match="signature"):
        parse(raw_csr(spki_der=spki(ec_key("secp384r1"))))


def test_a_key_of_another_kind_than_the_signature_is_refused() -> None:
    for other in (rsa_key(), ed25519_key()):
        with pytest.raises(PossessionNotProved):
            parse(raw_csr(spki_der=spki(other)))


# -- What is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "extension", [CA, key_usage(cert_sign=True), key_usage(crl_sign=True)], ids=["ca", "certs", "crls"]
)
def test_a_ca_certificate_is_not_to_be_had(extension: x509.ExtensionType) -> None:
    with pytest.raises(CaRequested):
        parse(csr(extensions=[extension]))


def test_a_request_beyond_64_kib_is_refused_unread() -> None:
    with pytest.raises(TooLarge):
        parse(bytes(64 * 1024 + 1))


def test_trailing_octets_are_refused() -> None:
    with pytest.raises(BadCsr):
        parse(csr() + b"\0")


def test_a_doubled_attribute_is_refused() -> None:
    san = extension_request(x509.SubjectAlternativeName([EXAMPLE]))
    windows = extension_request(x509.SubjectAlternativeName([EXAMPLE]), oid=MICROSOFT_EXTENSION_REQUEST)
    password = attribute(AttributeOID.CHALLENGE_PASSWORD, b"\x0c\x01a")
    two_values = attribute(AttributeOID.CHALLENGE_PASSWORD, b"\x0c\x01a", b"\x0c\x01b")
    no_value = attribute(AttributeOID.CHALLENGE_PASSWORD)

    for attributes in ([san, san], [san, windows], [password, password], [two_values], [no_value]):
        with pytest.raises(BadCsr):
            parse(raw_csr(attributes))


def test_a_doubled_extension_is_refused() -> None:
    san = x509.SubjectAlternativeName([EXAMPLE])

    with pytest.raises(BadCsr, match="one extension twice"):
        parse(raw_csr([extension_request(san, san)]))


def test_a_doubled_name_is_refused_whatever_its_case() -> None:
    with pytest.raises(BadCsr, match="one name twice"):
        parse(csr(san=[EXAMPLE, x509.DNSName("WWW.example.com")]))


def test_an_empty_san_is_refused() -> None:
    with pytest.raises(BadCsr, match="empty"):
        parse(raw_csr([extension_request(raw_san())]))


@pytest.mark.parametrize(
    "name",
    [
        x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a")])),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
        x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x01a"),
    ],
)
def test_an_unknown_kind_of_name_is_refused(name: x509.GeneralName) -> None:
    with pytest.raises(ExtensionNotServed):
        parse(csr(san=[name]))


@pytest.mark.parametrize(
    "name",
    [
        x509.OtherName(PERMANENT_IDENTIFIER, b"\x30\x00"),
        x509.OtherName(PERMANENT_IDENTIFIER, b"\x30\x06\x0c\x01a\x06\x01\x2a"),
        x509.OtherName(PERMANENT_IDENTIFIER, b"\x0c\x01a"),
    ],
)
def test_a_permanent_identifier_that_is_none_is_refused(name: x509.GeneralName) -> None:
    with pytest.raises(BadCsr):
        parse(csr(san=[name]))


@pytest.mark.parametrize(
    "general_name",
    [
        b"\x82\x0aa.example\0",
        b"\x82\x0aa.example.",
        b"\x82\x09192.0.2.7",
        b"\x82\x00",
        b"\x82\x02\xc3\xa4",
        b"\x87\x03abc",
        b"\x87\x00",
        b"\x87\x08\xc0\0\2\0\xff\xff\xff\0",
        b"\x81\x01a",
        b"\x86\x03a b",
        b"\xa3\x00",
    ],
)
def test_a_name_that_is_none_is_refused(general_name: bytes) -> None:
    with pytest.raises((BadName, BadCsr, ExtensionNotServed)):
        parse(raw_csr([extension_request(raw_san(general_name))]))


def test_an_attribute_that_is_no_string_is_no_password_and_no_common_name() -> None:
    name = der.sequence(b"\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x02\x01\x00")

    with pytest.raises(BadCsr):
        parse(raw_csr([attribute(AttributeOID.CHALLENGE_PASSWORD, b"\x02\x01\x01")]))
    with pytest.raises(BadCsr):
        parse(raw_csr(subject_der=name))


WHOLE = [
    csr(san=NAMES, challenge_password="secret"),
    csr(rsa_key(), san=[EXAMPLE], pss=True),
    csr(ed25519_key(), subject=CHINESE),
]


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_read_or_refused_by_one_of_ours(data: bytes) -> None:
    with pytest.raises(SoapstoneError):
        parse(data)


@settings(max_examples=500)
@given(
    st.sampled_from(WHOLE),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=3),
)
def test_mutated_requests_are_read_or_refused_by_one_of_ours(whole: bytes, edits: list[tuple[int, int]]) -> None:
    data = bytearray(whole)
    for position, value in edits:
        data[position % len(data)] = value

    try:
        request = parse(bytes(data))
    except SoapstoneError:
        return

    assert request.der == bytes(data)


@settings(max_examples=500)
@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=40))
def test_signed_rubbish_is_read_or_refused_by_one_of_ours(san: bytes, usage: bytes, password: bytes) -> None:
    extensions = extension_request(
        x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, san),
        x509.UnrecognizedExtension(x509.KeyUsage.oid, usage),
    )
    challenge = attribute(AttributeOID.CHALLENGE_PASSWORD, der.header(0x0C, len(password)) + password)

    try:
        parse(raw_csr([extensions, challenge]))
    except SoapstoneError:
        return


# -- Names compared --------------------------------------------------------------------------------------


def name(tag: int, value: bytes, *, rdns: int = 1) -> bytes:
    attribute_der = der.sequence(b"\x06\x03\x55\x04\x0a", der.header(tag, len(value)) + value)
    return der.sequence(*[der.header(0x31, len(attribute_der)) + attribute_der] * rdns)


def test_a_name_is_itself() -> None:
    assert same_subject(subject_der(CHINESE), subject_der(CHINESE))
    assert same_subject(der.EMPTY_SEQUENCE, der.EMPTY_SEQUENCE)


@pytest.mark.parametrize(
    "other",
    [
        name(0x13, b"Example Inc"),
        name(0x0C, b"EXAMPLE INC"),
        name(0x0C, b" Example \t Inc "),
        name(0x1E, "Example Inc".encode("utf-16-be")),
    ],
    ids=["string type", "case", "white space", "BMPString"],
)
def test_names_are_the_same_as_rfc_5280_compares_them(other: bytes) -> None:
    assert same_subject(name(0x0C, b"Example Inc"), other)


@pytest.mark.parametrize(
    "other",
    [
        name(0x0C, b"ExampleInc"),
        name(0x0C, b"Example Inc", rdns=2),
        name(0x04, b"Example Inc"),
        der.EMPTY_SEQUENCE,
        b"",
        b"\x30\x05rubbi",
    ],
)
def test_other_names_are_other_names(other: bytes) -> None:
    assert not same_subject(name(0x0C, b"Example Inc"), other)


def test_the_order_of_rdns_counts() -> None:
    assert not same_subject(subject_der("OU=a,OU=b,C=TW"), subject_der("OU=b,OU=a,C=TW"))


def certificate(*general_names: x509.GeneralName) -> x509.Certificate:
    key = Ed25519PrivateKey.generate()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a")])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(as_datetime(0)).not_valid_after(as_datetime(9))
    if general_names:
        builder = builder.add_extension(x509.SubjectAlternativeName(general_names), critical=False)
    return builder.sign(key, None)


def test_the_names_of_a_certificate_are_those_of_a_request() -> None:
    assert names_of(certificate(*NAMES)) == parse(csr(san=NAMES)).names
    assert names_of(certificate()) == frozenset()


def test_a_certificate_with_foreign_names_is_not_accepted() -> None:
    with pytest.raises(CertificateNotAccepted):
        names_of(certificate(x509.RegisteredID(x509.ObjectIdentifier("1.2.3"))))
    with pytest.raises(CertificateNotAccepted):
        names_of(certificate(x509.DNSName("a_b.example")))


def test_a_hundred_names_are_read_and_one_more_is_too_many() -> None:
    def asked(count: int) -> bytes:
        names = x509.SubjectAlternativeName([x509.DNSName(f"n{number}.example") for number in range(count)])
        return csr(ec_key(), extensions=[names])

    assert len(parse(asked(100)).names) == 100
    with pytest.raises(BadCsr, match="more than 100 names"):
        parse(asked(101))

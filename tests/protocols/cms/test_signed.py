"""RFC 5652, 5: signed messages, ours opened by openssl and openssl's by us."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import ObjectIdentifier, SignatureAlgorithmOID
from hypothesis import given, settings
from hypothesis import strategies as st

from ca_core import der
from ca_core.errors import Malformed
from protocols.cms import algorithms, signed
from protocols.cms.errors import NotAuthenticated, NotDecrypted, UnknownAlgorithm, UnreadableMessage, WrongSignature
from protocols.cms.signed import Signed, Signer, content_info, draft, read, require_signed_by
from protocols.cms.structures import (
    AUTH_ENVELOPED_DATA,
    AUTHENTICATED_DATA,
    CONTENT_TYPE,
    DATA,
    ENVELOPED_DATA,
    MESSAGE_DIGEST,
    SIGNED_DATA,
    SIGNING_TIME,
    Attribute,
    ContentInfo,
    EncapsulatedContent,
    IssuerAndSerial,
    SignedData,
    SignerInfo,
)
from tests.builders.cms import Key, certificate_of, cms, written
from tests.builders.csr import MlDsaKey, ec_key, ed25519_key, ml_dsa_key, rsa_key

PKI_DATA = ObjectIdentifier("1.3.6.1.5.5.7.12.2")
CONTENT = b"what is to be said"
RSA_ENCRYPTION = ObjectIdentifier("1.2.840.113549.1.1.1")
SHA1 = ObjectIdentifier("1.3.14.3.2.26")
MGF1 = ObjectIdentifier("1.2.840.113549.1.1.8")
NULL = b"\x05\x00"


def only(message: Signed) -> Signer:
    (signer,) = message.signers
    return signer


def message_by(key: Key, algorithm: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """A message that `draft` laid down."""
    laid = draft(PKI_DATA, CONTENT, certificate=certificate_of(key), signature_algorithm=algorithm)
    return content_info(SIGNED_DATA, laid.signed(sign(laid.to_be_signed)))


def rsa_message(identifier: bytes, scheme: padding.PKCS1v15 | padding.PSS, hashing: SHA256 | SHA384 | SHA512) -> bytes:
    """A message of an RSA key, whatever its algorithm is said to be."""
    key = rsa_key()
    return message_by(key, identifier, lambda data: key.sign(data, scheme, hashing))


def with_null(algorithm: ObjectIdentifier) -> bytes:
    return algorithms.with_parameters(algorithm, b"\x05\x00")


def pss(digest: bytes, mask: bytes, salt: int) -> bytes:
    elements = (digest, mask, asn1.encode_der(salt))
    tagged = (der.header(0xA0 + index, len(one)) + one for index, one in enumerate(elements))
    return algorithms.with_parameters(SignatureAlgorithmOID.RSASSA_PSS, der.sequence(*tagged))


def check(message: bytes, key: Key) -> Signed:
    found = read(message)
    require_signed_by(found, only(found), key.public_key())
    return found


@pytest.mark.parametrize(
    ("key", "algorithm", "hashing"),
    [
        (ec_key(), SignatureAlgorithmOID.ECDSA_WITH_SHA256, SHA256()),
        (ec_key("secp384r1"), SignatureAlgorithmOID.ECDSA_WITH_SHA384, SHA384()),
        (ec_key("secp521r1"), SignatureAlgorithmOID.ECDSA_WITH_SHA512, SHA512()),
    ],
)
def test_ecdsa_is_accepted(key: ec.EllipticCurvePrivateKey, algorithm: ObjectIdentifier, hashing: SHA256) -> None:
    message = message_by(key, algorithms.plain(algorithm), lambda data: key.sign(data, ec.ECDSA(hashing)))

    found = check(message, key)

    assert (found.content_type, found.content) == (PKI_DATA, CONTENT)
    assert only(found).is_of(x509.load_der_x509_certificate(found.certificates[0]))


@pytest.mark.parametrize("key", [ed25519_key(), ml_dsa_key(44), ml_dsa_key(65), ml_dsa_key(87)])
def test_what_digests_inside_is_accepted(key: MlDsaKey | ed25519.Ed25519PrivateKey) -> None:
    oids = {
        "Ed25519": SignatureAlgorithmOID.ED25519,
        "MLDSA44": SignatureAlgorithmOID.ML_DSA_44,
        "MLDSA65": SignatureAlgorithmOID.ML_DSA_65,
        "MLDSA87": SignatureAlgorithmOID.ML_DSA_87,
    }
    oid = next(oid for name, oid in oids.items() if name in type(key).__name__)

    found = check(message_by(key, algorithms.plain(oid), key.sign), key)

    assert only(found).digest_algorithm == algorithms.SHA512


@pytest.mark.parametrize(
    ("identifier", "scheme", "hashing"),
    [
        (der.RSA_SHA256, padding.PKCS1v15(), SHA256()),
        (with_null(SignatureAlgorithmOID.RSA_WITH_SHA384), padding.PKCS1v15(), SHA384()),
        (with_null(RSA_ENCRYPTION), padding.PKCS1v15(), SHA512()),
        (
            pss(
                algorithms.plain(algorithms.SHA512),
                algorithms.with_parameters(MGF1, with_null(algorithms.SHA512)),
                64,
            ),
            padding.PSS(padding.MGF1(SHA512()), 64),
            SHA512(),
        ),
    ],
)
def test_rsa_is_accepted(
    identifier: bytes, scheme: padding.PKCS1v15 | padding.PSS, hashing: SHA256 | SHA384 | SHA512
) -> None:
    found = check(rsa_message(identifier, scheme, hashing), rsa_key())

    assert found.content == CONTENT


SHA512_ID = algorithms.plain(algorithms.SHA512)


@pytest.mark.parametrize(
    "identifier",
    [
        with_null(ObjectIdentifier("1.2.840.113549.1.1.5")),
        algorithms.plain(SignatureAlgorithmOID.RSASSA_PSS),
        pss(algorithms.plain(algorithms.SHA256), algorithms.with_parameters(MGF1, SHA512_ID), 64),
        pss(SHA512_ID, algorithms.with_parameters(MGF1, algorithms.plain(algorithms.SHA256)), 64),
        pss(SHA512_ID, algorithms.with_parameters(DATA, SHA512_ID), 64),
        pss(SHA512_ID, algorithms.with_parameters(MGF1, SHA512_ID), 20),
        pss(algorithms.plain(SHA1), algorithms.with_parameters(MGF1, SHA512_ID), 64),
        algorithms.with_parameters(SignatureAlgorithmOID.ED25519, NULL),
        algorithms.with_parameters(SignatureAlgorithmOID.ML_DSA_65, NULL),
        algorithms.with_parameters(RSA_ENCRYPTION, b"\x02\x01\x05"),
    ],
)
def test_what_is_off_the_list_is_refused(identifier: bytes) -> None:
    with pytest.raises(UnknownAlgorithm, match="sign with SHA-256"):
        check(rsa_message(identifier, padding.PKCS1v15(), SHA512()), rsa_key())


def test_a_signature_by_another_digest_than_the_contents_is_refused() -> None:
    found = read(rsa_message(der.RSA_SHA256, padding.PKCS1v15(), SHA256()))
    signer = only(found)
    other = Signer(
        signer.issuer,
        signer.serial,
        None,
        {**signer.attributes, MESSAGE_DIGEST: (asn1.encode_der(algorithms.digest(algorithms.SHA512, CONTENT)),)},
        signer.to_be_signed,
        algorithms.SHA512,
        signer.signature_algorithm,
        signer.signature,
    )

    with pytest.raises(UnknownAlgorithm):
        require_signed_by(found, other, rsa_key().public_key())


@pytest.mark.parametrize(
    ("algorithm", "wrong"),
    [
        (der.RSA_SHA256, ec_key()),
        (der.ECDSA_SHA256, rsa_key()),
        (algorithms.plain(SignatureAlgorithmOID.ED25519), rsa_key()),
        (der.ML_DSA_65, ml_dsa_key(44)),
        (der.RSA_SHA256, rsa_key(3072)),
    ],
)
def test_the_signature_of_another_key_is_wrong(algorithm: bytes, wrong: Key) -> None:
    with pytest.raises(WrongSignature, match="sign anew"):
        check(rsa_message(algorithm, padding.PKCS1v15(), SHA256()), wrong)


def test_an_altered_content_is_seen() -> None:
    message = rsa_message(der.RSA_SHA256, padding.PKCS1v15(), SHA256())

    with pytest.raises(WrongSignature):
        check(message.replace(CONTENT, CONTENT.upper()), rsa_key())


def test_an_altered_attribute_is_seen() -> None:
    key = rsa_key()
    time = asn1.encode_der(der.time(1_800_000_000))
    laid = draft(
        PKI_DATA,
        CONTENT,
        certificate=certificate_of(key),
        signature_algorithm=der.RSA_SHA256,
        attributes={SIGNING_TIME: time},
    )
    message = content_info(SIGNED_DATA, laid.signed(key.sign(laid.to_be_signed, padding.PKCS1v15(), SHA256())))

    assert only(check(message, key)).attributes[SIGNING_TIME] == (time,)
    with pytest.raises(WrongSignature):
        check(message.replace(time, asn1.encode_der(der.time(1_800_000_001))), key)


def test_openssl_verifies_what_we_sign(tmp_path: Path) -> None:
    key = rsa_key()
    message = rsa_message(der.RSA_SHA256, padding.PKCS1v15(), SHA256())
    (tmp_path / "ca.pem").write_bytes(
        x509.load_der_x509_certificate(read(message).certificates[0]).public_bytes(Encoding.PEM)
    )

    shown = cms("-verify", "-inform", "DER", "-binary", "-CAfile", tmp_path / "ca.pem", message=message)

    assert shown == CONTENT
    assert only(read(message)).is_of(x509.load_der_x509_certificate(read(message).certificates[0]))
    assert not only(read(message)).is_of(certificate_of(key, serial=1))


@pytest.mark.parametrize(
    "options", [(), ("-keyid",), ("-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:32")]
)
def test_we_verify_what_openssl_signs(tmp_path: Path, options: tuple[str, ...]) -> None:
    key = rsa_key()
    certificate = certificate_of(key)
    key_file, certificate_file = written(tmp_path, key, certificate)
    signing = ("-sign", "-signer", certificate_file, "-inkey", key_file, "-nodetach", "-binary", "-md", "sha256")

    message = cms(*signing, *options, "-outform", "DER", message=CONTENT)

    found = check(message, key)
    assert found.content == CONTENT
    assert only(found).is_of(certificate)
    assert only(found).is_of(certificate_of(key, with_key_id=False)) == ("-keyid" not in options)


def test_certs_only_holds_certificates_and_nothing_else() -> None:
    certificate = certificate_of(rsa_key())

    message = signed.certs_only([certificate])

    assert pkcs7.load_der_pkcs7_certificates(message) == [certificate]
    with pytest.raises(UnreadableMessage, match="has no content"):
        read(message)


def parts(message: bytes) -> tuple[SignedData, SignerInfo]:
    inner = asn1.decode_der(SignedData, asn1.encode_der(asn1.decode_der(ContentInfo, message).content))
    (signer,) = inner.signer_infos.as_list()
    return inner, signer


@pytest.mark.parametrize("fault", ["no attributes", "no type", "other type", "twice", "two digests"])
def test_a_signer_who_does_not_say_what_is_signed_is_refused(fault: str) -> None:
    inner, signer = parts(rsa_message(der.RSA_SHA256, padding.PKCS1v15(), SHA256()))
    assert signer.signed_attrs is not None
    by_type = {one.type: one for one in signer.signed_attrs.as_list()}
    kind, digest = by_type[CONTENT_TYPE], by_type[MESSAGE_DIGEST]
    listed = {
        "no attributes": [],
        "no type": [digest],
        "other type": [digest, Attribute(type=CONTENT_TYPE, values=asn1.SetOf([der.tlv(asn1.encode_der(DATA))]))],
        "twice": [kind, digest, digest],
        "two digests": [
            kind,
            Attribute(type=MESSAGE_DIGEST, values=asn1.SetOf([der.tlv(asn1.encode_der(bytes([n]))) for n in (1, 2)])),
        ],
    }[fault]
    altered = SignerInfo(
        version=signer.version,
        sid=IssuerAndSerial(issuer=der.tlv(der.EMPTY_SEQUENCE), serial=1),
        digest_algorithm=signer.digest_algorithm,
        signed_attrs=asn1.SetOf(listed) if listed else None,
        signature_algorithm=signer.signature_algorithm,
        signature=signer.signature,
        unsigned_attrs=None,
    )
    message = SignedData(
        version=3,
        digest_algorithms=inner.digest_algorithms,
        encapsulated=EncapsulatedContent(content_type=PKI_DATA, content=CONTENT),
        certificates=None,
        crls=None,
        signer_infos=asn1.SetOf([altered]),
    )

    with pytest.raises(UnreadableMessage, match="exactly one content type"):
        read(content_info(SIGNED_DATA, asn1.encode_der(message)))


def test_what_is_no_signed_message_is_refused() -> None:
    for message in (b"", b"\x30\x00", content_info(DATA, der.EMPTY_SEQUENCE), bytes(10)):
        with pytest.raises(UnreadableMessage, match="must be DER"):
            read(message)
    with pytest.raises(UnreadableMessage, match="65536 octets"):
        read(bytes(signed.MAX_OCTETS + 1))


@pytest.mark.parametrize(
    ("kind", "refused"),
    [(ENVELOPED_DATA, NotDecrypted), (AUTH_ENVELOPED_DATA, NotDecrypted), (AUTHENTICATED_DATA, NotAuthenticated)],
)
def test_what_is_protected_in_another_way_is_told_so(kind: ObjectIdentifier, refused: type[Malformed]) -> None:
    with pytest.raises(refused):
        read(content_info(kind, der.EMPTY_SEQUENCE))


def test_a_digest_or_algorithm_that_is_none_is_refused() -> None:
    message = rsa_message(der.RSA_SHA256, padding.PKCS1v15(), SHA256())
    found = read(message)
    signer = only(found)

    with pytest.raises(UnreadableMessage):
        require_signed_by(found, with_(signer, signature_algorithm=b"\x05\x00"), rsa_key().public_key())


def with_(signer: Signer, *, signature_algorithm: bytes) -> Signer:
    return Signer(
        signer.issuer,
        signer.serial,
        signer.key_id,
        signer.attributes,
        signer.to_be_signed,
        signer.digest_algorithm,
        signature_algorithm,
        signer.signature,
    )


MESSAGE = rsa_message(der.RSA_SHA256, padding.PKCS1v15(), SHA256())
KEY: rsa.RSAPublicKey = rsa_key().public_key()


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(MESSAGE) - 1), octet=st.integers(0, 255), cut=st.booleans())
def test_an_altered_message_is_refused_or_still_says_the_same(at: int, octet: int, cut: bool) -> None:
    altered = MESSAGE[:at] if cut else MESSAGE[:at] + bytes([octet]) + MESSAGE[at + 1 :]

    try:
        found = read(altered)
        for signer in found.signers:
            require_signed_by(found, signer, KEY)
    except (UnreadableMessage, UnknownAlgorithm, WrongSignature):
        return
    assert (found.content_type, found.content) == (PKI_DATA, CONTENT)

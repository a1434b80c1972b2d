"""Signatures over a revocation challenge, as browsers and openssl make them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes, CertificatePublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from ca_core.clock import as_datetime
from ca_core.errors import PossessionNotProved
from ca_core.subscriber.proof import RevocationChallenge

CHALLENGE = RevocationChallenge("00" * 20, bytes(range(32)), 1_800_000_000)
TEXT = CHALLENGE.text.encode()
RSA = rsa.generate_private_key(65537, 2048)
P256 = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())
P521 = ec.generate_private_key(ec.SECP521R1())
ED25519 = ed25519.Ed25519PrivateKey.generate()


def certificate(public_key: CertificatePublicKeyTypes) -> bytes:
    """One with a public key, made by whoever."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")])
    made = x509.CertificateBuilder(name, name, public_key, 1, as_datetime(0), as_datetime(2**31))
    return made.sign(P256, hashes.SHA256()).public_bytes(Encoding.DER)


def side_by_side(key: ec.EllipticCurvePrivateKey, digest: hashes.HashAlgorithm) -> bytes:
    """As WebCrypto writes it (IEEE P1363)."""
    octets = (key.key_size + 7) // 8
    r, s = decode_dss_signature(key.sign(TEXT, ec.ECDSA(digest)))
    return r.to_bytes(octets) + s.to_bytes(octets)


@pytest.mark.parametrize("digest", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_rsa_proves_with_either_padding(digest: hashes.HashAlgorithm) -> None:
    short, pss = padding.PKCS1v15(), padding.PSS(padding.MGF1(digest), digest.digest_size)

    for one in (short, pss):
        CHALLENGE.require_signed(certificate(RSA.public_key()), RSA.sign(TEXT, one, digest))


@pytest.mark.parametrize("key", [P256, P384, P521])
@pytest.mark.parametrize("digest", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_a_curve_proves_in_der_and_side_by_side(key: ec.EllipticCurvePrivateKey, digest: hashes.HashAlgorithm) -> None:
    CHALLENGE.require_signed(certificate(key.public_key()), key.sign(TEXT, ec.ECDSA(digest)))
    CHALLENGE.require_signed(certificate(key.public_key()), side_by_side(key, digest))


def test_ed25519_proves() -> None:
    CHALLENGE.require_signed(certificate(ED25519.public_key()), ED25519.sign(TEXT))


@pytest.mark.parametrize("key", [RSA, P256, P384])
def test_openssl_proves_with_the_line_that_the_page_shows(
    tmp_path: Path, key: CertificateIssuerPrivateKeyTypes
) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    line = f"printf '%s' '{CHALLENGE.text}' | openssl dgst -sha256 -sign key.pem"

    signature = subprocess.run(["/bin/sh", "-c", line], cwd=tmp_path, check=True, capture_output=True).stdout

    CHALLENGE.require_signed(certificate(key.public_key()), signature)


@pytest.mark.parametrize("key", [RSA.public_key(), P256.public_key(), P521.public_key(), ED25519.public_key()])
def test_another_key_proves_nothing(key: CertificatePublicKeyTypes) -> None:
    for signature in (side_by_side(P384, hashes.SHA256()), P384.sign(TEXT, ec.ECDSA(hashes.SHA256()))):
        with pytest.raises(PossessionNotProved):
            CHALLENGE.require_signed(certificate(key), signature)


def test_a_key_that_signs_nothing_proves_nothing() -> None:
    with pytest.raises(PossessionNotProved):
        CHALLENGE.require_signed(certificate(x25519.X25519PrivateKey.generate().public_key()), bytes(64))


@pytest.mark.parametrize(
    "other",
    [
        RevocationChallenge("00" * 19 + "01", CHALLENGE.nonce, CHALLENGE.ends_at),
        RevocationChallenge(CHALLENGE.serial, bytes(32), CHALLENGE.ends_at),
        RevocationChallenge(CHALLENGE.serial, CHALLENGE.nonce, CHALLENGE.ends_at + 1),
    ],
)
def test_a_signature_is_of_one_certificate_one_challenge_and_one_time(other: RevocationChallenge) -> None:
    signature = P256.sign(TEXT, ec.ECDSA(hashes.SHA256()))

    with pytest.raises(PossessionNotProved):
        other.require_signed(certificate(P256.public_key()), signature)


@given(st.binary(max_size=140))
def test_any_octets_are_refused(signature: bytes) -> None:
    for key in (RSA, P256, ED25519):
        with pytest.raises(PossessionNotProved):
            CHALLENGE.require_signed(certificate(key.public_key()), signature)


def test_the_text_can_be_pasted_into_a_shell() -> None:
    assert not set(CHALLENGE.text) & set("'\"\\$`!\n")

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from ca_core.errors import Misconfigured
from ca_core.signing.raw import finished, is_signed, prepared, require_usable
from tests.builders.csr import ec_key, ed25519_key, rsa_key

TBS = b"to be signed"


@pytest.mark.parametrize("key", [ec_key(), ec_key("secp384r1"), rsa_key()])
def test_keys_of_cas_are_usable(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    assert require_usable(key.public_key()) == key.public_key()


@pytest.mark.parametrize("key", [ec_key("secp521r1").public_key(), ed25519_key().public_key(), None])
def test_other_keys_are_not(key: object) -> None:
    with pytest.raises(Misconfigured, match="P-256"):
        require_usable(key)


@pytest.mark.parametrize(("curve", "digest"), [("secp256r1", "sha256"), ("secp384r1", "sha384")])
def test_ecdsa_signs_the_digest_and_its_halves_become_der(curve: str, digest: str) -> None:
    key = ec_key(curve)

    assert prepared(key.public_key(), TBS) == hashlib.new(digest, TBS).digest()
    octets = key.key_size // 8
    # Halves with leading zeros, or with a high first bit, are where hand-made DER goes wrong.
    for r, s in ((1, 1), (1 << (key.key_size - 1), 255), (0x80, (1 << key.key_size) - 1)):
        raw = r.to_bytes(octets) + s.to_bytes(octets)
        assert decode_dss_signature(finished(key.public_key(), raw)) == (r, s)


def test_rsa_signs_digest_info() -> None:
    key = rsa_key()
    numbers = key.private_numbers()
    octets = key.key_size // 8

    info = prepared(key.public_key(), TBS)
    # EMSA-PKCS1-v1_5 by hand (RFC 8017, 9.2), as a token pads.
    padded = b"\0\1" + b"\xff" * (octets - len(info) - 3) + b"\0" + info
    raw = pow(int.from_bytes(padded), numbers.d, numbers.public_numbers.n).to_bytes(octets)

    signature = finished(key.public_key(), raw)
    assert signature == key.sign(hashlib.sha256(TBS).digest(), padding.PKCS1v15(), Prehashed(SHA256()))
    assert is_signed(key.public_key(), signature, TBS)


@pytest.mark.parametrize("key", [ec_key(), ec_key("secp384r1"), rsa_key()])
def test_another_signature_proves_nothing(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    assert not is_signed(key.public_key(), finished(key.public_key(), b"\1" * 256), TBS)

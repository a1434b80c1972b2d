"""RFC 5652, 6 and RFC 5083: what is enveloped for each kind of recipient, opened by openssl."""

from __future__ import annotations

from pathlib import Path

import pytest
from asn1crypto import cms as asn1_cms
from cryptography.hazmat.primitives.asymmetric import ec

from protocols.cms.enveloped import AgreedWith, Cipher, Recipient, SymmetricRecipient, TransportedTo, seal
from protocols.cms.key_package import key_package
from protocols.cms.structures import DATA
from tests.builders.cms import certificate_of, cms, written
from tests.builders.csr import ec_key, ed25519_key, rsa_key

CONTENT = b"a private key, as it were"
CONTENT_KEY = bytes(range(32))
KEK = bytes(range(32, 64))
ENCIPHERED = {
    Cipher.AES_256_CBC: ("encrypted_content_info", "aes256_cbc"),
    Cipher.AES_256_GCM: ("auth_encrypted_content_info", "aes256_gcm"),
}


def sealed(recipient: Recipient, cipher: Cipher) -> bytes:
    return seal(DATA, CONTENT, recipient, cipher, key=CONTENT_KEY, iv=bytes(cipher.iv_octets))


@pytest.mark.parametrize("cipher", Cipher)
def test_who_has_the_symmetric_key_opens_it(cipher: Cipher) -> None:
    message = sealed(SymmetricRecipient(b"key-1", KEK), cipher)

    opened = cms("-decrypt", "-inform", "DER", "-secretkey", KEK.hex(), "-secretkeyid", b"key-1".hex(), message=message)

    assert opened == CONTENT


@pytest.mark.parametrize("cipher", Cipher)
def test_who_has_the_rsa_key_opens_it(tmp_path: Path, cipher: Cipher) -> None:
    key = rsa_key()
    certificate = certificate_of(key)
    key_file, certificate_file = written(tmp_path, key, certificate)

    message = sealed(TransportedTo(certificate), cipher)

    opened = cms("-decrypt", "-inform", "DER", "-recip", certificate_file, "-inkey", key_file, message=message)
    assert opened == CONTENT


@pytest.mark.parametrize("curve", ["secp256r1", "secp384r1", "secp521r1"])
@pytest.mark.parametrize("cipher", Cipher)
def test_who_has_the_ec_key_opens_it(tmp_path: Path, cipher: Cipher, curve: str) -> None:
    key = ec_key(curve)
    certificate = certificate_of(key)
    key_file, certificate_file = written(tmp_path, key, certificate)

    message = sealed(AgreedWith(certificate, ec.generate_private_key(key.curve)), cipher)

    opened = cms("-decrypt", "-inform", "DER", "-recip", certificate_file, "-inkey", key_file, message=message)
    assert opened == CONTENT


def agreed(curve: str) -> AgreedWith:
    key = ec_key(curve)
    return AgreedWith(certificate_of(key), ec.generate_private_key(key.curve))


@pytest.mark.parametrize("cipher", Cipher)
@pytest.mark.parametrize(
    ("recipient", "kind", "version"),
    [
        (SymmetricRecipient(b"key-1", KEK), "kekri", "v4"),
        (TransportedTo(certificate_of(rsa_key())), "ktri", "v0"),
        (TransportedTo(certificate_of(rsa_key(4096))), "ktri", "v0"),
        (agreed("secp256r1"), "kari", "v3"),
        (agreed("secp521r1"), "kari", "v3"),
    ],
)
def test_the_content_is_enciphered_as_strongly_as_the_strongest_key_of_a_recipient(
    recipient: Recipient, kind: str, version: str, cipher: Cipher
) -> None:
    """RFC 7030, 4.4.2: 256 bits, which is as much as P-521 has; and each kind of key in its kind of RecipientInfo."""
    content = asn1_cms.ContentInfo.load(sealed(recipient, cipher))["content"]

    place, name = ENCIPHERED[cipher]
    assert content[place]["content_encryption_algorithm"]["algorithm"].native == name
    (info,) = content["recipient_infos"]
    assert (info.name, info.chosen["version"].native) == (kind, version)
    if kind == "kekri":
        assert info.chosen["kekid"]["key_identifier"].native == b"key-1"
        assert info.chosen["key_encryption_algorithm"]["algorithm"].native == "aes256_wrap"


def test_a_key_is_not_enveloped_for_a_certificate_of_another_kind() -> None:
    with pytest.raises(TypeError, match="RSA"):
        sealed(TransportedTo(certificate_of(ed25519_key())), Cipher.AES_256_CBC)
    with pytest.raises(TypeError, match="EC"):
        sealed(AgreedWith(certificate_of(rsa_key()), ec_key()), Cipher.AES_256_CBC)


def test_the_symmetric_key_does_not_show_itself() -> None:
    assert repr(SymmetricRecipient(b"key-1", KEK)) == "SymmetricRecipient(key_id=b'key-1')"


def test_a_key_package_holds_one_key() -> None:
    assert key_package(b"\x30\x00") == b"\x30\x02\x30\x00"

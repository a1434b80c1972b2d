"""RFC 7030, 4.4.1: for which key a made key is to be enveloped, and with what."""

from __future__ import annotations

import pytest
from cryptography.hazmat import asn1
from cryptography.x509.oid import ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st

from ca_core import der
from ca_core.errors import BadCsr
from protocols.cms.algorithms import plain, with_parameters
from protocols.cms.enveloped import Cipher
from protocols.cms.errors import UnknownAlgorithm
from protocols.est.key_wish import ASYMMETRIC_DECRYPT_KEY_ID, DECRYPT_KEY_ID, SMIME_CAPABILITIES, KeyWish, read
from tests.builders.csr import Attribute, attribute, raw_csr

AES_128_WRAP = ObjectIdentifier("2.16.840.1.101.3.4.1.5")
AES_256_WRAP = ObjectIdentifier("2.16.840.1.101.3.4.1.45")
AES_128_CBC = ObjectIdentifier("2.16.840.1.101.3.4.1.2")
CBC, GCM = Cipher.AES_256_CBC.value, Cipher.AES_256_GCM.value
UTF8, PRINTABLE = 12, 19


def text(tag: int, value: bytes) -> bytes:
    return der.header(tag, len(value)) + value


def octets(value: bytes) -> bytes:
    return asn1.encode_der(value)


def test_a_request_that_names_no_key_wishes_nothing() -> None:
    assert read(raw_csr()) == KeyWish()


@pytest.mark.parametrize("value", [octets(b"KEY1"), text(UTF8, b"KEY1"), text(PRINTABLE, b"KEY1")])
def test_a_symmetric_key_is_named_in_octets_or_text(value: bytes) -> None:
    assert read(raw_csr([attribute(DECRYPT_KEY_ID, value)])) == KeyWish(decrypt_key_id=b"KEY1")


@pytest.mark.parametrize("value", [octets(b"\xab\xcd"), text(UTF8, b"AB:CD"), text(PRINTABLE, b"abcd")])
def test_a_certificate_is_named_in_octets_or_hex(value: bytes) -> None:
    assert read(raw_csr([attribute(ASYMMETRIC_DECRYPT_KEY_ID, value)])) == KeyWish(certificate_key_id=b"\xab\xcd")


def test_two_keys_are_one_too_many() -> None:
    both = [attribute(DECRYPT_KEY_ID, octets(b"KEY1")), attribute(ASYMMETRIC_DECRYPT_KEY_ID, octets(b"\xab"))]

    with pytest.raises(BadCsr, match="name one"):
        read(raw_csr(both))


@pytest.mark.parametrize(
    "bad",
    [
        attribute(DECRYPT_KEY_ID),
        attribute(DECRYPT_KEY_ID, octets(b"")),
        attribute(DECRYPT_KEY_ID, octets(bytes(65))),
        attribute(DECRYPT_KEY_ID, octets(b"1"), octets(b"2")),
        attribute(DECRYPT_KEY_ID, b"\x02\x01\x01"),
        attribute(ASYMMETRIC_DECRYPT_KEY_ID, text(UTF8, b"no hex")),
        attribute(ASYMMETRIC_DECRYPT_KEY_ID, text(UTF8, b"\xff")),
        attribute(SMIME_CAPABILITIES, b"\x05\x00"),
        attribute(SMIME_CAPABILITIES, der.sequence(b"\x05\x00")),
    ],
)
def test_what_cannot_be_read_is_refused(bad: Attribute) -> None:
    with pytest.raises(BadCsr, match="cannot be read"):
        read(raw_csr([bad]))


def test_what_is_no_request_is_refused() -> None:
    with pytest.raises(BadCsr):
        read(b"")


def wish(*capabilities: ObjectIdentifier) -> KeyWish:
    value = der.sequence(*map(plain, capabilities))
    return read(raw_csr([attribute(SMIME_CAPABILITIES, value)]))


@pytest.mark.parametrize(
    ("capabilities", "cipher"),
    [
        ((GCM, CBC), Cipher.AES_256_GCM),
        ((AES_128_CBC, CBC, GCM), Cipher.AES_256_CBC),
        ((CBC, AES_128_WRAP, AES_256_WRAP), Cipher.AES_256_CBC),
    ],
)
def test_the_clients_best_cipher_that_is_ours_is_used(
    capabilities: tuple[ObjectIdentifier, ...], cipher: Cipher
) -> None:
    assert wish(*capabilities).cipher is cipher


def test_a_client_that_does_not_say_gets_aes_256_in_cbc() -> None:
    assert KeyWish().cipher is Cipher.AES_256_CBC


@pytest.mark.parametrize("capabilities", [(AES_128_CBC,), (CBC, AES_128_WRAP)])
def test_a_client_that_knows_nothing_of_ours_is_refused(capabilities: tuple[ObjectIdentifier, ...]) -> None:
    with pytest.raises(UnknownAlgorithm, match="aes256-wrap"):
        _ = wish(*capabilities).cipher


def test_parameters_of_a_capability_are_no_matter() -> None:
    listed = der.sequence(with_parameters(CBC, b"\x02\x01\x01"))

    assert read(raw_csr([attribute(SMIME_CAPABILITIES, listed)])).cipher is Cipher.AES_256_CBC


@given(st.binary(max_size=80), st.sampled_from([DECRYPT_KEY_ID, ASYMMETRIC_DECRYPT_KEY_ID, SMIME_CAPABILITIES]))
def test_whatever_stands_there_is_read_or_refused(value: bytes, kind: ObjectIdentifier) -> None:
    for one in (text(UTF8, value), octets(value), der.sequence(octets(value))):
        try:
            read(raw_csr([attribute(kind, one)]))
        except BadCsr:
            continue

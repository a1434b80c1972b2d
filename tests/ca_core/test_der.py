from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from ca_core import der
from ca_core.errors import Misconfigured
from tests.builders.csr import Key, csr, ec_key, ed25519_key, rsa_key, spki

END_OF_2049 = 2_524_607_999


def test_times_are_utctime_through_2049_and_generalizedtime_after() -> None:
    last, first = asn1.encode_der(der.time(END_OF_2049)), asn1.encode_der(der.time(END_OF_2049 + 1))

    assert last == b"\x17\x0d491231235959Z"
    assert first == b"\x18\x0f20500101000000Z"


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255, 256, 65_535, 65_536, 3_900_000])
def test_a_sequence_of_any_length_reads_back(length: int) -> None:
    element = der.header(0x04, length) + bytes(length)

    read = der.tlv(der.sequence(element))

    assert bytes(read.data) == element


def test_the_algorithms_are_those_that_cryptography_writes() -> None:
    requests = {
        der.ECDSA_SHA256: csr(ec_key(), digest=SHA256()),
        der.ECDSA_SHA384: csr(ec_key("secp384r1"), digest=SHA384()),
        der.RSA_SHA256: csr(rsa_key(), digest=SHA256()),
    }

    for algorithm, request in requests.items():
        parsed = x509.load_der_x509_csr(request)
        assert der.assemble(parsed.tbs_certrequest_bytes, algorithm, parsed.signature) == request


def test_each_ca_key_has_its_algorithm() -> None:
    keys: list[Key] = [ec_key(), ec_key("secp384r1"), rsa_key()]

    algorithms = [der.signature_algorithm(key.public_key()) for key in keys]

    assert algorithms == [der.ECDSA_SHA256, der.ECDSA_SHA384, der.RSA_SHA256]


def test_other_keys_cannot_be_ca_keys() -> None:
    with pytest.raises(Misconfigured):
        der.signature_algorithm(ed25519_key().public_key())
    with pytest.raises(Misconfigured):
        der.signature_algorithm(ec_key("secp521r1").public_key())


def test_an_element_must_be_one_and_der() -> None:
    for broken in (b"", b"\x30\x01", b"\x30\x00\x00", b"\x30\x81\x00", spki(ec_key()) + b"\0"):
        with pytest.raises(ValueError, match="asn1"):
            der.tlv(broken)

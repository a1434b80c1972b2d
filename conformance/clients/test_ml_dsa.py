"""A subscriber with an ML-DSA key, through EST (RFC 9881): the request is real, the listener and the client too.

OpenSSL 3.0 cannot make such a request, nor read the certificate's key; cryptography does both. Nor can it show such a
certificate in TLS; pyOpenSSL brings a later OpenSSL, which can.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import mldsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7

from conformance import pkilint
from conformance.channel import Tls13, enroll_head, exchange
from conformance.clients.device import Device, ca_certificates
from conformance.house import House

ML_DSA = (mldsa.MLDSA44PrivateKey, mldsa.MLDSA65PrivateKey, mldsa.MLDSA87PrivateKey)
MlDsaKey = mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey


def ask(device: Device, key: MlDsaKey) -> None:
    request = x509.CertificateSigningRequestBuilder(x509.Name.from_rfc4514_string("CN=me")).sign(key, None)
    device.request.write_bytes(base64.encodebytes(request.public_bytes(Encoding.DER)))


@pytest.mark.parametrize("kind", ML_DSA)
def test_an_ml_dsa_key_is_certified_for_signatures(
    house: House, tmp_path: Path, kind: type[mldsa.MLDSA65PrivateKey]
) -> None:
    sheet = house.register("--kind", "person", "--subject", "CN=Signer,C=TW", "--uses", "unlimited")
    device, key = Device(house, tmp_path / "device"), kind.generate()
    ask(device, key)

    assert device.enroll(sheet, "signing") == 200, device.said()

    issued = x509.load_pem_x509_certificate(device.certificate.read_bytes())
    assert issued.public_key() == key.public_key()
    cas = x509.load_pem_x509_certificates(ca_certificates(house, tmp_path).read_bytes())
    issued.verify_directly_issued_by(next(ca for ca in cas if ca.subject == issued.issuer))
    usage = issued.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.content_commitment) == (True, True)
    assert (usage.key_encipherment, usage.key_agreement, usage.data_encipherment) == (False, False, False)
    assert pkilint.certificate_errors(device.certificate) == ""


def test_an_ml_dsa_key_does_not_encipher(house: House, tmp_path: Path) -> None:
    sheet = house.register("--kind", "person", "--subject", "CN=Signer,C=TW", "--uses", "unlimited")
    device = Device(house, tmp_path / "device")
    ask(device, mldsa.MLDSA65PrivateKey.generate())

    assert device.enroll(sheet, "encryption") == 400
    assert "no use for a key of this kind" in device.said()


@pytest.fixture(scope="module")
def pure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house whose CAs sign with ML-DSA-65."""
    built = House(tmp_path_factory.mktemp("house"), options=("--development", "--key", "ml-dsa-65"))
    built.start()
    yield built
    built.close()


def request_of(key: mldsa.MLDSA65PrivateKey) -> bytes:
    subject = x509.Name.from_rfc4514_string("CN=meter,C=TW")
    signed = x509.CertificateSigningRequestBuilder(subject).sign(key, None)
    return base64.encodebytes(signed.public_bytes(Encoding.DER))


def issued_to(key: mldsa.MLDSA65PrivateKey, answer: tuple[int, bytes], house: House) -> x509.Certificate:
    """The one certificate in an answer; it is for this key, and an ML-DSA-65 key signed it."""
    status, body = answer
    assert status == 200, body
    (certificate,) = pkcs7.load_der_pkcs7_certificates(base64.b64decode(body))
    assert certificate.public_key() == key.public_key()
    issuing = x509.load_pem_x509_certificate((house.home / "authority" / "issuing.pem").read_bytes())
    assert isinstance(issuing.public_key(), mldsa.MLDSA65PublicKey)
    certificate.verify_directly_issued_by(issuing)
    return certificate


def test_a_device_enrolls_and_renews_with_nothing_but_ml_dsa_65(pure: House, tmp_path: Path) -> None:
    sheet = pure.register("--kind", "device", "--subject", "CN=meter,C=TW")
    key, other = mldsa.MLDSA65PrivateKey.generate(), mldsa.MLDSA65PrivateKey.generate()
    connection = Tls13(pure)
    first = issued_to(key, exchange(connection, enroll_head(sheet), request_of(key)), pure)
    connection.close()
    own = tmp_path / "own.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    own.write_bytes(first.public_bytes(Encoding.PEM) + pem)

    pure.move_clock(days=61)
    connection = Tls13(pure, own=own)
    head = "POST /.well-known/est/simplereenroll HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pkcs10\r\n"
    second = issued_to(other, exchange(connection, head, request_of(other)), pure)
    connection.close()

    assert second.subject == first.subject
    assert second.not_valid_after_utc > first.not_valid_after_utc

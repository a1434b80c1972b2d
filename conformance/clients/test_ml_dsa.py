"""A subscriber with an ML-DSA key, through EST (RFC 9881): the request is real, the listener and the client too.

OpenSSL 3.0 cannot make such a request, nor read the certificate's key; cryptography does both.
"""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import mldsa
from cryptography.hazmat.primitives.serialization import Encoding

from conformance import pkilint
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

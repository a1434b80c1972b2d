"""RFC 6960, 4.2: our bytes, read back by cryptography."""

from __future__ import annotations

import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as reference

from ca_core import der
from ca_core.clock import as_datetime
from ca_core.policy.keys import spki_der
from ca_core.revocation import ocsp
from ca_core.revocation.ocsp import CertId, Failure
from ca_core.revocation.reason import Reason
from tests.builders.authority import house
from tests.builders.csr import ec_key, spki
from tests.builders.ocsp import HASHES, SHA1_OID, cert_id, key_of

NOW = 1_900_000_000
SERIAL = (1 << 158) + 4711


def answered(cert_status: bytes, *, nonce: bytes | None = None, count: int = 1) -> reference.OCSPResponse:
    issuer = house().authority.issuing
    asked = CertId(cert_id(SERIAL, issuer), (SHA1_OID, b"", b""), SERIAL)
    single = ocsp.single_response(asked, cert_status, this_update=NOW, next_update=NOW + 60)
    key = ec_key()
    tbs = ocsp.response_data([single] * count, key_hash=b"k" * 20, produced_at=NOW, nonce=nonce)
    signature = key.sign(tbs, ec.ECDSA(hashes.SHA256()))
    certificate = issuer.public_bytes(Encoding.DER)
    return reference.load_der_ocsp_response(ocsp.response(tbs, der.ECDSA_SHA256, signature, [certificate]))


def test_a_good_answer_is_read_back_whole() -> None:
    found = answered(ocsp.GOOD)

    assert found.response_status is reference.OCSPResponseStatus.SUCCESSFUL
    assert found.certificate_status is reference.OCSPCertStatus.GOOD
    assert found.serial_number == SERIAL
    assert found.responder_key_hash == b"k" * 20
    assert found.produced_at_utc == found.this_update_utc == as_datetime(NOW)
    assert found.next_update_utc == as_datetime(NOW + 60)
    assert found.certificates == [house().authority.issuing]
    assert list(found.extensions) == []
    ec_key().public_key().verify(found.signature, found.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))


def test_a_serial_that_is_not_ours_is_unknown() -> None:
    assert answered(ocsp.UNKNOWN).certificate_status is reference.OCSPCertStatus.UNKNOWN


@pytest.mark.parametrize("reason", [Reason.KEY_COMPROMISE, Reason.CERTIFICATE_HOLD, Reason.SUPERSEDED])
def test_a_revoked_one_bears_time_and_reason(reason: Reason) -> None:
    found = answered(ocsp.revoked(NOW - 5, reason))

    assert found.certificate_status is reference.OCSPCertStatus.REVOKED
    assert found.revocation_time_utc == as_datetime(NOW - 5)
    assert found.revocation_reason is not None
    assert found.revocation_reason.value == reason.text


def test_no_reason_stands_for_unspecified() -> None:
    assert answered(ocsp.revoked(NOW, Reason.UNSPECIFIED)).revocation_reason is None


def test_a_nonce_is_repeated_byte_for_byte() -> None:
    found = answered(ocsp.GOOD, nonce=b"\4\3abc")

    assert found.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"abc"


def test_several_are_answered_in_one() -> None:
    assert len(list(answered(ocsp.GOOD, count=3).responses)) == 3


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (Failure.MALFORMED_REQUEST, reference.OCSPResponseStatus.MALFORMED_REQUEST),
        (Failure.INTERNAL_ERROR, reference.OCSPResponseStatus.INTERNAL_ERROR),
        (Failure.TRY_LATER, reference.OCSPResponseStatus.TRY_LATER),
        (Failure.UNAUTHORIZED, reference.OCSPResponseStatus.UNAUTHORIZED),
    ],
)
def test_a_failure_is_an_answer_without_a_signature(failure: Failure, status: reference.OCSPResponseStatus) -> None:
    assert reference.load_der_ocsp_response(failure.der).response_status is status


def test_an_issuer_is_known_by_every_hash() -> None:
    issuer = house().authority.issuing

    found = ocsp.issuer_hashes(house().issuer.subject_der, spki_of(issuer))

    assert found == {
        (oid, hashlib.new(name, house().issuer.subject_der).digest(), hashlib.new(name, key_of(issuer)).digest())
        for oid, name in HASHES.items()
    }


def test_a_responder_is_named_by_the_sha_1_of_its_key() -> None:
    identifier = x509.SubjectKeyIdentifier.from_public_key(ec_key().public_key()).digest

    assert ocsp.responder_key_hash(spki(ec_key())) == identifier


def spki_of(certificate: x509.Certificate) -> bytes:
    return spki_der(certificate.public_key())

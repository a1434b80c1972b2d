"""Certificate revocation lists, joined from stored entries (RFC 5280, 5)."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import CRLEntryExtensionOID

from ca_core import der
from ca_core.revocation.reason import Reason

_ENUMERATED = 0x0A
_EXPLICIT_0 = 0xA0
# RFC 5280, 5.1.2.1: the integer 1 says version 2.
_VERSION_2 = asn1.encode_der(1)


@asn1.sequence
class _RevokedCertificate:
    user_certificate: int
    revocation_date: asn1.UTCTime | asn1.GeneralizedTime
    crl_entry_extensions: list[der.Extension] | None


def entry(serial: int, revoked_at: int, reason: Reason) -> bytes:
    """One element of revokedCertificates, in DER; `revoked_at` is in UTC seconds.

    No reasonCode stands for `unspecified` (RFC 5280, 5.3.1).
    """
    extensions = None
    if reason is not Reason.UNSPECIFIED:
        code = bytes((_ENUMERATED, 1, reason.value))
        extensions = [der.Extension(extn_id=CRLEntryExtensionOID.CRL_REASON, critical=False, extn_value=code)]
    return asn1.encode_der(
        _RevokedCertificate(
            user_certificate=serial, revocation_date=der.time(revoked_at), crl_entry_extensions=extensions
        )
    )


def tbs_crl(
    *,
    issuer_subject_der: bytes,
    key_identifier: bytes,
    algorithm: bytes,
    entries: Iterable[bytes],
    number: int,
    this_update: int,
    next_update: int,
) -> bytes:
    """The to-be-signed bytes of a version 2 CRL with AuthorityKeyIdentifier and CRLNumber.

    The entries are joined and not parsed: 100,000 take milliseconds instead of most of a second.

    Args:
        issuer_subject_der: the subject of the CA's certificate, byte for byte.
        key_identifier: the octets of that certificate's subjectKeyIdentifier.
        algorithm: AlgorithmIdentifier of the signature to come, in DER.
        entries: what `entry` made.
        number: positive, growing with each CRL of this issuer (RFC 5280, 5.2.3).
        this_update, next_update: UTC seconds.
    """
    revoked = b"".join(entries)
    # RFC 5280, 5.1.2.6: without revoked certificates the list is absent, not empty.
    listed = (der.header(der.SEQUENCE, len(revoked)), revoked) if revoked else ()
    authority_key = x509.AuthorityKeyIdentifier(key_identifier, None, None)
    extensions = der.sequence(_extension(authority_key), _extension(x509.CRLNumber(number)))
    return der.sequence(
        _VERSION_2,
        algorithm,
        issuer_subject_der,
        asn1.encode_der(der.time(this_update)),
        asn1.encode_der(der.time(next_update)),
        *listed,
        der.header(_EXPLICIT_0, len(extensions)),
        extensions,
    )


def _extension(value: x509.ExtensionType) -> bytes:
    return asn1.encode_der(der.extension(value))

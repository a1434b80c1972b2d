"""Certificate revocation lists, joined from stored entries (RFC 5280, 5)."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import CRLEntryExtensionOID

from ca_core import der
from ca_core.clock import as_datetime
from ca_core.revocation.reason import Reason

_ENUMERATED = 0x0A
_EXPLICIT_0 = 0xA0
# RFC 5280, 5.1.2.1: the integer 1 says version 2.
_VERSION_2 = asn1.encode_der(1)
FULL = 0
"""The number of the CRL that covers everything; shards count from 1."""


@asn1.sequence
class _RevokedCertificate:
    user_certificate: int
    revocation_date: asn1.UTCTime | asn1.GeneralizedTime
    crl_entry_extensions: list[der.Extension] | None


def name_of(issuer: str, shard: int) -> str:
    """What a CRL is called in the store and in `/crl/NAME.crl`: `issuing`, or `issuing.7`."""
    return f"{issuer}.{shard}" if shard else issuer


def shard_of(serial: int, shards: int) -> int:
    """Which shard a new certificate belongs to; serials are random, so the shards grow alike.

    Args:
        shards: how many there are; 1 means that the full CRL is the only one.
    """
    return FULL if shards == 1 else serial % shards + 1


def entry(serial: int, revoked_at: int, reason: Reason, *, invalid_since: int | None = None) -> bytes:
    """One element of revokedCertificates, in DER; times are UTC seconds.

    No reasonCode stands for `unspecified` (RFC 5280, 5.3.1).

    Args:
        invalid_since: since when the key is known or suspected to be compromised, or the certificate invalid
            for another cause (RFC 5280, 5.3.2); it may be before `revoked_at`.
    """
    extensions = []
    if reason is not Reason.UNSPECIFIED:
        code = bytes((_ENUMERATED, 1, reason.value))
        extensions.append(der.Extension(extn_id=CRLEntryExtensionOID.CRL_REASON, critical=False, extn_value=code))
    if invalid_since is not None:
        extensions.append(der.extension(x509.InvalidityDate(as_datetime(invalid_since))))
    return asn1.encode_der(
        _RevokedCertificate(
            user_certificate=serial, revocation_date=der.time(revoked_at), crl_entry_extensions=extensions or None
        )
    )


def tbs_crl(
    *,
    issuer_subject_der: bytes,
    key_identifier: bytes,
    algorithm: bytes,
    entries: Sequence[bytes],
    number: int,
    this_update: int,
    next_update: int,
    shard_urls: Sequence[str] = (),
) -> bytes:
    """The to-be-signed bytes of a version 2 CRL with AuthorityKeyIdentifier and CRLNumber.

    The entries are joined and not parsed: 100,000 take milliseconds instead of most of a second. They are
    copied once, so that a list of a million needs room for two of itself only.

    Args:
        issuer_subject_der: the subject of the CA's certificate, byte for byte.
        key_identifier: the octets of that certificate's subjectKeyIdentifier.
        algorithm: AlgorithmIdentifier of the signature to come, in DER.
        entries: what `entry` made, one by one or many joined.
        number: positive, growing with each CRL of this issuer (RFC 5280, 5.2.3).
        this_update, next_update: UTC seconds.
        shard_urls: of a shard, where it is served, and where it was when certificates were issued that have not
            expired: exactly their CRLDistributionPoints. Without any the CRL covers everything that the CA issued.
    """
    length = sum(map(len, entries))
    # RFC 5280, 5.1.2.6: without revoked certificates the list is absent, not empty.
    listed = (der.header(der.SEQUENCE, length), *entries) if length else ()
    authority_key = x509.AuthorityKeyIdentifier(key_identifier, None, None)
    parts = [_extension(authority_key), _extension(x509.CRLNumber(number))]
    if shard_urls:
        parts.append(_extension(_distribution_point(shard_urls), critical=True))
    extensions = der.sequence(*parts)
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


def _distribution_point(urls: Sequence[str]) -> x509.IssuingDistributionPoint:
    """What tells a shard from the others, so that none passes for another one (RFC 5280, 5.2.5)."""
    return x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier(url) for url in urls],
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=False,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )


def _extension(value: x509.ExtensionType, *, critical: bool = False) -> bytes:
    return asn1.encode_der(der.extension(value, critical=critical))

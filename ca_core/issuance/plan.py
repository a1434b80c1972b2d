"""The plan of a certificate: every to-be-signed byte, from vetted data (RFC 5280, 4.1)."""

from __future__ import annotations

import hashlib
import ipaddress
from functools import lru_cache
from typing import Annotated, NamedTuple

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from ca_core import der
from ca_core.errors import Misconfigured
from ca_core.issuance.chain import IssuerCertificate
from ca_core.names import Identifier, Kind
from ca_core.policy import keys
from ca_core.policy.general_names import PERMANENT_IDENTIFIER, PermanentIdentifier
from ca_core.policy.keys import KeyType
from ca_core.policy.period import WHOLE, WishedPeriod, period
from ca_core.policy.profile import ExtendedUsage, Profile, Usage

_VERSION_3 = 2
# RFC 7093, 2, method 1: the leftmost 160 bits of the SHA-256 of the key's BIT STRING.
_KEY_IDENTIFIER_OCTETS = 20

_EXTENDED_USAGES = {
    ExtendedUsage.SERVER_AUTH: ExtendedKeyUsageOID.SERVER_AUTH,
    ExtendedUsage.CLIENT_AUTH: ExtendedKeyUsageOID.CLIENT_AUTH,
    ExtendedUsage.EMAIL_PROTECTION: ExtendedKeyUsageOID.EMAIL_PROTECTION,
    ExtendedUsage.CODE_SIGNING: ExtendedKeyUsageOID.CODE_SIGNING,
    # RFC 9336.
    ExtendedUsage.DOCUMENT_SIGNING: x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36"),
    ExtendedUsage.IPSEC_IKE: ExtendedKeyUsageOID.IPSEC_IKE,
    ExtendedUsage.OCSP_SIGNING: ExtendedKeyUsageOID.OCSP_SIGNING,
    # RFC 6402, 2.10.
    ExtendedUsage.CMC_CA: x509.ObjectIdentifier("1.3.6.1.5.5.7.3.27"),
    ExtendedUsage.CMC_RA: x509.ObjectIdentifier("1.3.6.1.5.5.7.3.28"),
}
# RFC 9608, 2: the extension's value is NULL.
_NO_REV_AVAIL = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.56"), b"\x05\x00")


class Plan(NamedTuple):
    """The to-be-signed bytes, and from when to when they are valid, UTC seconds."""

    tbs: bytes
    not_before: int
    not_after: int


@asn1.sequence
class _Validity:
    not_before: asn1.UTCTime | asn1.GeneralizedTime
    not_after: asn1.UTCTime | asn1.GeneralizedTime


@asn1.sequence
class _TbsCertificate:
    version: Annotated[int, asn1.Explicit(0)]
    serial_number: int
    signature: asn1.TLV
    issuer: asn1.TLV
    validity: _Validity
    subject: asn1.TLV
    subject_public_key_info: asn1.TLV
    extensions: Annotated[list[der.Extension], asn1.Explicit(3)]


def tbs_certificate(
    *,
    issuer: IssuerCertificate,
    algorithm: bytes,
    profile: Profile,
    subject_der: bytes,
    names: frozenset[Identifier],
    spki: bytes,
    serial: int,
    now: int,
    crl_url: str | None = None,
    wished: WishedPeriod = WHOLE,
) -> Plan:
    """Lay down every byte that will be signed; `lint.lint` checks them without knowing how they came about.

    Args:
        algorithm: AlgorithmIdentifier of the issuer's signature, in DER.
        subject_der: the registered subject, used byte for byte.
        spki: SubjectPublicKeyInfo, used byte for byte.
        now: UTC seconds.
        crl_url: where the CRL that would show this certificate is; None means the issuer's.
        wished: which part of the profile's period is wanted.

    Raises:
        Misconfigured: the issuer's certificate has expired.
        PeriodNotOffered: the wished period is more than there is.
    """
    not_before, not_after = _validity(profile, issuer, now, wished)
    key_type = keys.key_type_of(spki)
    extensions = [*_fixed(profile, key_type, issuer.key_identifier, issuer.ca_url, issuer.ocsp_url)]
    if profile.crl:
        extensions.append(_crl_pointer(crl_url or issuer.crl_url))
    extensions.append(der.extension(x509.SubjectKeyIdentifier(key_identifier(spki))))
    if names:
        # RFC 5280, 4.2.1.6: critical only where nothing else names the subject.
        san = x509.SubjectAlternativeName([_general_name(name) for name in sorted(names)])
        extensions.append(der.extension(san, critical=subject_der == der.EMPTY_SEQUENCE))
    tbs = laid_down(
        serial=serial,
        algorithm=algorithm,
        issuer_der=issuer.subject_der,
        validity=(not_before, not_after),
        subject_der=subject_der,
        spki=spki,
        extensions=extensions,
    )
    return Plan(tbs, not_before, not_after)


def laid_down(
    *,
    serial: int,
    algorithm: bytes,
    issuer_der: bytes,
    validity: tuple[int, int],
    subject_der: bytes,
    spki: bytes,
    extensions: list[der.Extension],
) -> bytes:
    """A TBSCertificate of version 3 (RFC 5280, 4.1); all but serial, validity and extensions is DER already.

    Args:
        validity: notBefore and notAfter, UTC seconds.
    """
    not_before, not_after = validity
    tbs = _TbsCertificate(
        version=_VERSION_3,
        serial_number=serial,
        signature=der.tlv(algorithm),
        issuer=der.tlv(issuer_der),
        validity=_Validity(not_before=der.time(not_before), not_after=der.time(not_after)),
        subject=der.tlv(subject_der),
        subject_public_key_info=der.tlv(spki),
        extensions=extensions,
    )
    return asn1.encode_der(tbs)


def key_identifier(spki: bytes) -> bytes:
    """The 20 octets of the subjectKeyIdentifier of a key (RFC 7093, 2, method 1: SHA-256, no SHA-1)."""
    return hashlib.sha256(der.key_bits(spki)).digest()[:_KEY_IDENTIFIER_OCTETS]


def _validity(profile: Profile, issuer: IssuerCertificate, now: int, wished: WishedPeriod) -> tuple[int, int]:
    if issuer.not_after <= now:
        raise Misconfigured(f"the certificate of the CA {issuer.name} has expired; rotate the authority")
    planned = period(profile, wished, issuer_not_after=issuer.not_after, now=now)
    return planned.not_before, planned.not_after


@lru_cache(maxsize=128)
def _fixed(
    profile: Profile, key_type: KeyType, authority_key: bytes, ca_url: str, ocsp_url: str | None
) -> tuple[der.Extension, ...]:
    """What is alike in all certificates of a profile, built once: building takes longer than the rest."""
    extensions = [
        der.extension(x509.BasicConstraints(ca=False, path_length=None), critical=True),
        key_usage(profile.usages_for(key_type)),
        extended_key_usage(profile),
        der.extension(x509.AuthorityKeyIdentifier(authority_key, None, None)),
    ]
    access = _access(profile, ca_url, ocsp_url)
    if access:
        extensions.append(der.extension(x509.AuthorityInformationAccess(access)))
    if profile.policies:
        qualifiers = [profile.cps_url] if profile.cps_url else None
        policies = [x509.PolicyInformation(x509.ObjectIdentifier(oid), qualifiers) for oid in profile.policies]
        extensions.append(der.extension(x509.CertificatePolicies(policies)))
    if profile.must_staple:
        extensions.append(der.extension(x509.TLSFeature([x509.TLSFeatureType.status_request])))
    if profile.no_rev_avail:
        extensions.append(der.extension(_NO_REV_AVAIL))
    if profile.answers_ocsp:
        extensions.append(der.extension(x509.OCSPNoCheck()))
    return tuple(extensions)


def _access(profile: Profile, ca_url: str, ocsp_url: str | None) -> list[x509.AccessDescription]:
    wanted = []
    if profile.ocsp and ocsp_url is not None:
        wanted.append((AuthorityInformationAccessOID.OCSP, ocsp_url))
    if profile.ca_issuers:
        wanted.append((AuthorityInformationAccessOID.CA_ISSUERS, ca_url))
    return [x509.AccessDescription(method, x509.UniformResourceIdentifier(url)) for method, url in wanted]


# Sharded CRLs have many addresses, and a profile's extensions are the same beside all of them.
@lru_cache(maxsize=1024)
def _crl_pointer(url: str) -> der.Extension:
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)
    return der.extension(x509.CRLDistributionPoints([point]))


def extended_key_usage(profile: Profile) -> der.Extension:
    """The extended key usages that a profile's certificates have (RFC 5280, 4.2.1.12)."""
    usages = [_EXTENDED_USAGES[usage] for usage in sorted(profile.extended_key_usage)]
    return der.extension(x509.ExtendedKeyUsage(usages))


def key_usage(usages: frozenset[Usage]) -> der.Extension:
    """The key usages of a certificate (RFC 5280, 4.2.1.3)."""
    value = x509.KeyUsage(
        digital_signature=Usage.DIGITAL_SIGNATURE in usages,
        content_commitment=Usage.CONTENT_COMMITMENT in usages,
        key_encipherment=Usage.KEY_ENCIPHERMENT in usages,
        data_encipherment=False,
        key_agreement=Usage.KEY_AGREEMENT in usages,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return der.extension(value, critical=True)


def _general_name(name: Identifier) -> x509.GeneralName:
    match name.kind:
        case Kind.DNS:
            return x509.DNSName(name.value)
        case Kind.IP:
            return x509.IPAddress(ipaddress.ip_address(name.value))
        case Kind.EMAIL:
            return x509.RFC822Name(name.value)
        case Kind.URI:
            return x509.UniformResourceIdentifier(name.value)
        case Kind.PERMANENT:  # pragma: no branch  # the last kind that there is
            value = asn1.encode_der(PermanentIdentifier(value=name.value, assigner=None))
            return x509.OtherName(PERMANENT_IDENTIFIER, value)

"""Lint before sign (DESIGN, invariant 3): the to-be-signed bytes, read apart from how they came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, TypeVar, cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, ExtensionOID

from ca_core import der
from ca_core.errors import Refusal
from ca_core.identity import SERIAL_OCTETS
from ca_core.issuance.chain import IssuerCertificate
from ca_core.names import Identifier
from ca_core.policy import keys
from ca_core.policy.profile import ExtendedUsage, Profile, Usage
from ca_core.policy.request import names_of

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)
_Values = Mapping[x509.ObjectIdentifier, x509.ExtensionType]
_SIGN_BIT = 0x80
_NO_REV_AVAIL = x509.ObjectIdentifier("2.5.29.56")
_NULL = b"\x05\x00"
_MAX_UNREVOCABLE_SECONDS = 7 * 86_400
# What every certificate has, and whether it is critical (RFC 5280, 4.2.1).
_CRITICAL = {
    ExtensionOID.BASIC_CONSTRAINTS: True,
    ExtensionOID.KEY_USAGE: True,
    ExtensionOID.EXTENDED_KEY_USAGE: False,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER: False,
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER: False,
}
_USAGE_BITS = {
    "digital_signature": Usage.DIGITAL_SIGNATURE,
    "content_commitment": Usage.CONTENT_COMMITMENT,
    "key_encipherment": Usage.KEY_ENCIPHERMENT,
    "key_agreement": Usage.KEY_AGREEMENT,
}
_NEVER = ("data_encipherment", "key_cert_sign", "crl_sign")
_EXTENDED_USAGES = {
    ExtendedKeyUsageOID.SERVER_AUTH: ExtendedUsage.SERVER_AUTH,
    ExtendedKeyUsageOID.CLIENT_AUTH: ExtendedUsage.CLIENT_AUTH,
    ExtendedKeyUsageOID.EMAIL_PROTECTION: ExtendedUsage.EMAIL_PROTECTION,
    ExtendedKeyUsageOID.CODE_SIGNING: ExtendedUsage.CODE_SIGNING,
    x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36"): ExtendedUsage.DOCUMENT_SIGNING,
    ExtendedKeyUsageOID.IPSEC_IKE: ExtendedUsage.IPSEC_IKE,
    ExtendedKeyUsageOID.OCSP_SIGNING: ExtendedUsage.OCSP_SIGNING,
    x509.ObjectIdentifier("1.3.6.1.5.5.7.3.27"): ExtendedUsage.CMC_CA,
    x509.ObjectIdentifier("1.3.6.1.5.5.7.3.28"): ExtendedUsage.CMC_RA,
}
# What cryptography and our own readers raise on bytes that are not what they should be.
_UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    Refusal,
    x509.InvalidVersion,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


class LintFailed(Exception):
    """What was about to be signed is not what was granted: our bug, and no user's refusal."""


@asn1.sequence
class _Outline:
    """TBSCertificate with its members as they are, byte for byte."""

    version: Annotated[int, asn1.Explicit(0)]
    serial: asn1.TLV
    signature: asn1.TLV
    issuer: asn1.TLV
    validity: asn1.TLV
    subject: asn1.TLV
    spki: asn1.TLV
    extensions: Annotated[list[asn1.TLV], asn1.Explicit(3)]


def lint(
    tbs: bytes,
    *,
    issuer: IssuerCertificate,
    algorithm: bytes,
    profile: Profile,
    subject_der: bytes,
    names: frozenset[Identifier],
    spki: bytes,
    now: int,
    crl_url: str | None = None,
) -> x509.Certificate:
    """Check a TBSCertificate against what was granted, and return it as it will be read, under no signature.

    Args:
        algorithm: AlgorithmIdentifier of the signature to come, in DER.
        subject_der: the registered subject.
        names: those granted; the subjectAltName holds them, all of them and no other.
        spki: the key of the request.
        now: UTC seconds; a certificate finished after a crash may be older, but must be valid at this time.
        crl_url: where the CRL that would show it is; None means the issuer's.

    Raises:
        LintFailed: the finding.
    """
    try:
        outline = asn1.decode_der(_Outline, tbs)
        # First of all: of a serial that is not positive cryptography makes a warning, and reads on.
        _check_members(outline, issuer, algorithm, subject_der, spki)
        # cryptography reads whole certificates only; nobody looks at this signature.
        certificate = x509.load_der_x509_certificate(der.assemble(tbs, algorithm, b"\0"))
        _check_validity(certificate, issuer, profile, now)
        _check_names(certificate, profile, names)
        access = _access(profile, issuer.ca_url, issuer.ocsp_url)
        expected = _expected(profile, access, has_names=bool(names), has_subject=subject_der != der.EMPTY_SEQUENCE)
        _check_extensions(certificate.extensions, expected)
        _check_spelling(certificate.extensions, outline.extensions)
        # Found by kind once: each search through all of them, and each that finds nothing, takes its microseconds.
        values = {extension.oid: extension.value for extension in certificate.extensions}
        _check_usages(values, profile, spki)
        _check_pointers(values, issuer, access, crl_url or issuer.crl_url)
        _check_statements(values, profile)
        return certificate
    except _UNREADABLE as error:
        raise LintFailed(f"cannot be read: {error}") from error


def _require(fact: bool, finding: str) -> None:  # noqa: FBT001  # reads as the fact that it demands
    if not fact:
        raise LintFailed(finding)


def _check_members(
    outline: _Outline, issuer: IssuerCertificate, algorithm: bytes, subject_der: bytes, spki: bytes
) -> None:
    serial = bytes(outline.serial.data)
    _require(outline.version == x509.Version.v3.value, "not version 3")
    _require(len(serial) == SERIAL_OCTETS and not serial[0] & _SIGN_BIT, "the serial is not positive in 20 octets")
    _require(asn1.encode_der(outline.signature) == algorithm, "another signature algorithm than the key's")
    _require(asn1.encode_der(outline.issuer) == issuer.subject_der, "another issuer than the CA's subject")
    _require(asn1.encode_der(outline.subject) == subject_der, "another subject than the registered one")
    _require(asn1.encode_der(outline.spki) == spki, "another key than the request's")


def _check_spelling(read: x509.Extensions, laid_down: list[asn1.TLV]) -> None:
    """DER has one spelling for each value; of keyUsage's unused bits cryptography takes others."""
    for extension, found in zip(read, laid_down, strict=True):
        if extension.oid == ExtensionOID.KEY_USAGE:
            spelled = der.extension(extension.value, critical=extension.critical)
            _require(asn1.encode_der(spelled) == asn1.encode_der(found), "keyUsage is not in DER")


def _check_validity(certificate: x509.Certificate, issuer: IssuerCertificate, profile: Profile, now: int) -> None:
    not_before = int(certificate.not_valid_before_utc.timestamp())
    not_after = int(certificate.not_valid_after_utc.timestamp())
    _require(not_before <= now <= not_after, "not valid now")
    _require(not_after - not_before <= profile.validity_seconds, "valid for longer than the profile allows")
    _require(not_after <= issuer.not_after, "outlives its issuer")


def _check_names(certificate: x509.Certificate, profile: Profile, names: frozenset[Identifier]) -> None:
    _require(names_of(certificate) == names, "other names than those granted")
    _require(all(name.kind in profile.name_kinds for name in names), "a kind of name that the profile has not")
    _require(bool(names) or not profile.names_required, "no name, and the profile demands one")


def _expected(
    profile: Profile, access: Sequence[x509.AccessDescription], *, has_names: bool, has_subject: bool
) -> dict[x509.ObjectIdentifier, bool]:
    """The extensions of a certificate of this profile, and whether each is critical."""
    _require(has_names or has_subject, "neither a subject nor a name")
    expected = dict(_CRITICAL)
    if has_names:
        expected[ExtensionOID.SUBJECT_ALTERNATIVE_NAME] = not has_subject
    for oid, is_there in (
        (ExtensionOID.CRL_DISTRIBUTION_POINTS, profile.crl),
        (ExtensionOID.AUTHORITY_INFORMATION_ACCESS, bool(access)),
        (ExtensionOID.CERTIFICATE_POLICIES, bool(profile.policies)),
        (ExtensionOID.TLS_FEATURE, profile.must_staple),
        (_NO_REV_AVAIL, profile.no_rev_avail),
        (ExtensionOID.OCSP_NO_CHECK, profile.answers_ocsp),
    ):
        if is_there:
            expected[oid] = False
    return expected


def _check_extensions(extensions: x509.Extensions, expected: dict[x509.ObjectIdentifier, bool]) -> None:
    found = {extension.oid: extension.critical for extension in extensions}
    _require(found == expected, "other extensions, or other criticality, than planned")
    constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
    _require(constraints == x509.BasicConstraints(ca=False, path_length=None), "a CA certificate")


def _check_usages(values: _Values, profile: Profile, spki: bytes) -> None:
    usage = _planned(values, x509.KeyUsage)
    granted = profile.usages_for(keys.key_type_of(spki))
    found = {name for bit, name in _USAGE_BITS.items() if getattr(usage, bit)}
    # encipherOnly and decipherOnly mean something beside keyAgreement only (RFC 5280, 4.2.1.3).
    narrowed = usage.key_agreement and (usage.encipher_only or usage.decipher_only)
    _require(bool(granted) and found == granted, "other key usages than the profile's")
    _require(not narrowed and not any(getattr(usage, bit) for bit in _NEVER), "a key usage that no profile has")
    extended = _planned(values, x509.ExtendedKeyUsage)
    _require(
        len(extended) == len(profile.extended_key_usage)
        and {_EXTENDED_USAGES.get(oid) for oid in extended} == profile.extended_key_usage,
        "other extended key usages than the profile's",
    )


@lru_cache(maxsize=128)
def _access(profile: Profile, ca_url: str, ocsp_url: str | None) -> tuple[x509.AccessDescription, ...]:
    places = [
        (profile.ocsp, AuthorityInformationAccessOID.OCSP, ocsp_url),
        (profile.ca_issuers, AuthorityInformationAccessOID.CA_ISSUERS, ca_url),
    ]
    return tuple(
        x509.AccessDescription(method, x509.UniformResourceIdentifier(url))
        for is_wanted, method, url in places
        if is_wanted and url is not None
    )


def _check_pointers(
    values: _Values, issuer: IssuerCertificate, access: Sequence[x509.AccessDescription], crl_url: str
) -> None:
    authority = _planned(values, x509.AuthorityKeyIdentifier)
    _require(authority.key_identifier == issuer.key_identifier, "another authorityKeyIdentifier than the CA's key")
    if x509.CRLDistributionPoints.oid in values:
        crl = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
        points = list(_planned(values, x509.CRLDistributionPoints))
        _require(points == [crl], "another CRL than the one that would show it")
    if access:
        places = tuple(_planned(values, x509.AuthorityInformationAccess))
        _require(places == access, "another authorityInformationAccess than the issuer's")


def _check_statements(values: _Values, profile: Profile) -> None:
    """What the certificate says of itself: policies, must-staple, that nobody is told of its revocation."""
    if profile.policies:
        qualifiers = [profile.cps_url] if profile.cps_url else None
        stated = [x509.PolicyInformation(x509.ObjectIdentifier(oid), qualifiers) for oid in profile.policies]
        _require(list(_planned(values, x509.CertificatePolicies)) == stated, "other policies than the profile's")
    if profile.must_staple:
        features = list(_planned(values, x509.TLSFeature))
        _require(features == [x509.TLSFeatureType.status_request], "another TLS feature")
    if profile.no_rev_avail:
        _require(values[_NO_REV_AVAIL].public_bytes() == _NULL, "a noRevAvail that is not NULL (RFC 9608, 2)")
        has_status = profile.crl or profile.ocsp or profile.must_staple
        _require(not has_status, "noRevAvail beside a place that tells of revocation (RFC 9608, 4)")
        _require(profile.validity_seconds <= _MAX_UNREVOCABLE_SECONDS, "noRevAvail in what is not short-lived")


def _planned(values: _Values, kind: type[_Extension]) -> _Extension:
    """The extension of a kind that must be there, for what is there was compared before."""
    value = values[kind.oid]
    _require(isinstance(value, kind), "an extension that is not read as what it is")
    return cast("_Extension", value)

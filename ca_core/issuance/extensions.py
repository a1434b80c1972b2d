"""The extensions that are about to be signed, against those that a profile's certificates have.

All but two are spelled alike in every certificate of a profile: only the subjectAltName and the subjectKeyIdentifier
vary. So those are taken out, and what is left is read and checked once for each spelling; the same octets under the
same profile and issuer have the same verdict. What was found wanting is not remembered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeVar, cast

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, ExtensionOID

from ca_core import der
from ca_core.issuance.finding import require
from ca_core.policy.keys import KeyType
from ca_core.policy.profile import ExtendedUsage, Profile, Usage

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)
_Values = Mapping[x509.ObjectIdentifier, x509.ExtensionType]
_NO_REV_AVAIL = x509.ObjectIdentifier("2.5.29.56")
_NULL = b"\x05\x00"
_MAX_UNREVOCABLE_SECONDS = 7 * 86_400
# Sharded CRLs have many addresses, each of which is another spelling.
_REMEMBERED = 4096
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
# The two that vary: how their content begins, and what stands for them, critical or not.
_VARYING = {
    asn1.encode_der(value.oid): [asn1.encode_der(der.extension(value, critical=critical)) for critical in (False, True)]
    for value in (x509.SubjectAlternativeName([x509.DNSName("a.example")]), x509.SubjectKeyIdentifier(bytes(20)))
}
_IDENTIFIER_OCTETS = 5
_SHORT_HEADER_OCTETS = 2
_LONG_FORM = 0x80
_EXTENSIONS = 0xA3
_TIME = b"\x17\x0d700101000000Z"
_KEY = der.sequence(der.sequence(b"\x06\x03\x2b\x65\x70"), der.header(der.BIT_STRING, 33) + bytes(33))
# Version 3, serial 1, and nobody's names and key: what stands before extensions in a certificate.
_BEFORE = (
    b"\xa0\x03\x02\x01\x02\x02\x01\x01",
    der.ECDSA_SHA256,
    der.EMPTY_SEQUENCE,
    der.sequence(_TIME, _TIME),
    der.EMPTY_SEQUENCE,
    _KEY,
)

Kinds = tuple[tuple[str, bool], ...]
"""OID in dotted form and criticality of each extension, in order."""


class Parted(NamedTuple):
    """Extensions, parted.

    Attributes:
        alike: each in DER, where those that vary hold a value that stands for theirs.
        names: the value of the subjectAltName, in DER; None where there is none.
        key_identifier: that of the subjectKeyIdentifier, as well.
    """

    alike: tuple[bytes, ...]
    names: bytes | None
    key_identifier: bytes | None


class Pointers(NamedTuple):
    """What of the issuer stands in the extensions of what it issues.

    Attributes:
        key_identifier: of its key.
        ca_url, ocsp_url: of its certificate, and where status is asked.
        crl_url: of the CRL that would show this certificate.
    """

    key_identifier: bytes
    ca_url: str
    ocsp_url: str | None
    crl_url: str


def parted(extensions: Sequence[asn1.TLV]) -> Parted:
    """Take the values out that vary.

    Raises:
        LintFailed: one of these two comes twice, or is not in DER.
        ValueError: it is no extension.
    """
    alike: list[bytes] = []
    values: dict[x509.ObjectIdentifier, bytes] = {}
    for element in extensions:
        octets = asn1.encode_der(element)
        stand_ins = _VARYING.get(_identifier(octets))
        if stand_ins is not None:
            found = asn1.decode_der(der.Extension, octets)
            require(asn1.encode_der(found) == octets, "an extension that is not in DER")
            require(found.extn_id not in values, "an extension twice")
            values[found.extn_id] = found.extn_value
            octets = stand_ins[found.critical]
        alike.append(octets)
    return Parted(
        tuple(alike),
        values.get(ExtensionOID.SUBJECT_ALTERNATIVE_NAME),
        values.get(ExtensionOID.SUBJECT_KEY_IDENTIFIER),
    )


def _identifier(octets: bytes) -> bytes:
    """What an extension in DER begins with, as far as the identifiers of those that vary reach."""
    # Not by the element's `data`: each look at it takes as long as to encode it.
    long_form = octets[1] - _LONG_FORM if octets[1] > _LONG_FORM else 0
    start = _SHORT_HEADER_OCTETS + long_form
    return octets[start : start + _IDENTIFIER_OCTETS]


@lru_cache(maxsize=_REMEMBERED)
def check(
    alike: tuple[bytes, ...],
    profile: Profile,
    key_type: KeyType,
    pointers: Pointers,
    *,
    has_names: bool,
    has_subject: bool,
) -> Kinds:
    """Check what certificates of a profile have in common.

    Args:
        alike: as `parted` leaves them.
        key_type: of the key that is certified.

    Raises:
        LintFailed: the finding.
        ValueError: they cannot be read; and whatever else cryptography raises then.
    """
    access = _access(profile, pointers)
    extensions = _read(alike)
    _check_kinds(extensions, _expected(profile, access, has_names=has_names, has_subject=has_subject))
    _check_spelling(extensions, alike)
    values = {extension.oid: extension.value for extension in extensions}
    _check_usages(values, profile, key_type)
    _check_pointers(values, pointers, access)
    _check_statements(values, profile)
    return tuple((one.oid.dotted_string, one.critical) for one in extensions)


def _read(alike: tuple[bytes, ...]) -> x509.Extensions:
    """As they will be read: cryptography reads whole certificates only, so one is put around them."""
    inside = der.sequence(*alike)
    tbs = der.sequence(*_BEFORE, der.header(_EXTENSIONS, len(inside)) + inside)
    return x509.load_der_x509_certificate(der.assemble(tbs, der.ECDSA_SHA256, b"\0")).extensions


def _expected(
    profile: Profile, access: Sequence[x509.AccessDescription], *, has_names: bool, has_subject: bool
) -> dict[x509.ObjectIdentifier, bool]:
    """The extensions of a certificate of this profile, and whether each is critical."""
    require(has_names or has_subject, "neither a subject nor a name")
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


def _check_kinds(extensions: x509.Extensions, expected: dict[x509.ObjectIdentifier, bool]) -> None:
    found = {extension.oid: extension.critical for extension in extensions}
    require(found == expected, "other extensions, or other criticality, than planned")
    constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
    require(constraints == x509.BasicConstraints(ca=False, path_length=None), "a CA certificate")


def _check_spelling(read: x509.Extensions, laid_down: tuple[bytes, ...]) -> None:
    """DER has one spelling for each value; of keyUsage's unused bits cryptography takes others."""
    for extension, found in zip(read, laid_down, strict=True):
        if extension.oid == ExtensionOID.KEY_USAGE:
            spelled = der.extension(extension.value, critical=extension.critical)
            require(asn1.encode_der(spelled) == found, "keyUsage is not in DER")


def _check_usages(values: _Values, profile: Profile, key_type: KeyType) -> None:
    usage = _planned(values, x509.KeyUsage)
    granted = profile.usages_for(key_type)
    found = {name for bit, name in _USAGE_BITS.items() if getattr(usage, bit)}
    # encipherOnly and decipherOnly mean something beside keyAgreement only (RFC 5280, 4.2.1.3).
    narrowed = usage.key_agreement and (usage.encipher_only or usage.decipher_only)
    require(bool(granted) and found == granted, "other key usages than the profile's")
    require(not narrowed and not any(getattr(usage, bit) for bit in _NEVER), "a key usage that no profile has")
    extended = _planned(values, x509.ExtendedKeyUsage)
    require(
        len(extended) == len(profile.extended_key_usage)
        and {_EXTENDED_USAGES.get(oid) for oid in extended} == profile.extended_key_usage,
        "other extended key usages than the profile's",
    )


def _access(profile: Profile, pointers: Pointers) -> tuple[x509.AccessDescription, ...]:
    places = [
        (profile.ocsp, AuthorityInformationAccessOID.OCSP, pointers.ocsp_url),
        (profile.ca_issuers, AuthorityInformationAccessOID.CA_ISSUERS, pointers.ca_url),
    ]
    return tuple(
        x509.AccessDescription(method, x509.UniformResourceIdentifier(url))
        for is_wanted, method, url in places
        if is_wanted and url is not None
    )


def _check_pointers(values: _Values, pointers: Pointers, access: Sequence[x509.AccessDescription]) -> None:
    authority = _planned(values, x509.AuthorityKeyIdentifier)
    require(authority.key_identifier == pointers.key_identifier, "another authorityKeyIdentifier than the CA's key")
    if x509.CRLDistributionPoints.oid in values:
        crl = x509.DistributionPoint([x509.UniformResourceIdentifier(pointers.crl_url)], None, None, None)
        points = list(_planned(values, x509.CRLDistributionPoints))
        require(points == [crl], "another CRL than the one that would show it")
    if access:
        places = tuple(_planned(values, x509.AuthorityInformationAccess))
        require(places == access, "another authorityInformationAccess than the issuer's")


def _check_statements(values: _Values, profile: Profile) -> None:
    """What the certificate says of itself: policies, must-staple, that nobody is told of its revocation."""
    if profile.policies:
        qualifiers = [profile.cps_url] if profile.cps_url else None
        stated = [x509.PolicyInformation(x509.ObjectIdentifier(oid), qualifiers) for oid in profile.policies]
        require(list(_planned(values, x509.CertificatePolicies)) == stated, "other policies than the profile's")
    if profile.must_staple:
        features = list(_planned(values, x509.TLSFeature))
        require(features == [x509.TLSFeatureType.status_request], "another TLS feature")
    if profile.no_rev_avail:
        require(values[_NO_REV_AVAIL].public_bytes() == _NULL, "a noRevAvail that is not NULL (RFC 9608, 2)")
        has_status = profile.crl or profile.ocsp or profile.must_staple
        require(not has_status, "noRevAvail beside a place that tells of revocation (RFC 9608, 4)")
        require(profile.validity_seconds <= _MAX_UNREVOCABLE_SECONDS, "noRevAvail in what is not short-lived")


def _planned(values: _Values, kind: type[_Extension]) -> _Extension:
    """The extension of a kind that must be there, for what is there was compared before."""
    value = values[kind.oid]
    require(isinstance(value, kind), "an extension that is not read as what it is")
    return cast("_Extension", value)

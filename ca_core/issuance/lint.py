"""Lint before sign (DESIGN, invariant 3): the to-be-signed bytes, read apart from how they came about."""

from __future__ import annotations

import hashlib
from typing import Annotated, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1

from ca_core import der
from ca_core.errors import Refusal
from ca_core.identity import SERIAL_OCTETS
from ca_core.issuance import extensions
from ca_core.issuance.chain import IssuerCertificate
from ca_core.issuance.extensions import Kinds, Pointers
from ca_core.issuance.finding import LintFailed, require
from ca_core.names import Identifier
from ca_core.policy import general_names, keys
from ca_core.policy.profile import Profile

__all__ = ["LintFailed", "Reading", "lint"]

_SERIAL_HEADER = der.header(der.INTEGER, SERIAL_OCTETS)
_SIGN_BIT = 0x80
_KEY_IDENTIFIER_OCTETS = 20
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


class Reading(NamedTuple):
    """A certificate that passed, as it will be read.

    Attributes:
        certificate: under no signature.
        subject_der: its subject.
    """

    certificate: x509.Certificate
    subject_der: bytes
    extensions: Kinds


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
) -> Reading:
    """Check a TBSCertificate against what was granted, and return it as it will be read.

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
        parted = extensions.parted(outline.extensions)
        _check_names(parted.names, profile, names)
        _check_key_identifier(parted.key_identifier, spki)
        kinds = extensions.check(
            parted.alike,
            profile,
            keys.key_type_of(spki),
            Pointers(issuer.key_identifier, issuer.ca_url, issuer.ocsp_url, crl_url or issuer.crl_url),
            has_names=bool(names),
            has_subject=subject_der != der.EMPTY_SEQUENCE,
        )
        return Reading(certificate, subject_der, kinds)
    except _UNREADABLE as error:
        raise LintFailed(f"cannot be read: {error}") from error


def _check_members(
    outline: _Outline, issuer: IssuerCertificate, algorithm: bytes, subject_der: bytes, spki: bytes
) -> None:
    serial = asn1.encode_der(outline.serial)
    require(outline.version == x509.Version.v3.value, "not version 3")
    is_of_20_octets = serial.startswith(_SERIAL_HEADER) and not serial[len(_SERIAL_HEADER)] & _SIGN_BIT
    require(is_of_20_octets, "the serial is not positive in 20 octets")
    require(asn1.encode_der(outline.signature) == algorithm, "another signature algorithm than the key's")
    require(asn1.encode_der(outline.issuer) == issuer.subject_der, "another issuer than the CA's subject")
    require(asn1.encode_der(outline.subject) == subject_der, "another subject than the registered one")
    require(asn1.encode_der(outline.spki) == spki, "another key than the request's")


def _check_validity(certificate: x509.Certificate, issuer: IssuerCertificate, profile: Profile, now: int) -> None:
    not_before = int(certificate.not_valid_before_utc.timestamp())
    not_after = int(certificate.not_valid_after_utc.timestamp())
    require(not_before <= now <= not_after, "not valid now")
    require(not_after - not_before <= profile.validity_seconds, "valid for longer than the profile allows")
    require(not_after <= issuer.not_after, "outlives its issuer")


def _check_names(laid_down: bytes | None, profile: Profile, names: frozenset[Identifier]) -> None:
    found = frozenset() if laid_down is None else general_names.read(laid_down)
    require(found == names, "other names than those granted")
    require(all(name.kind in profile.name_kinds for name in names), "a kind of name that the profile has not")
    require(bool(names) or not profile.names_required, "no name, and the profile demands one")


def _check_key_identifier(laid_down: bytes | None, spki: bytes) -> None:
    # RFC 7093, 2, method 1, in an OCTET STRING.
    identifier = hashlib.sha256(der.key_bits(spki)).digest()[:_KEY_IDENTIFIER_OCTETS]
    expected = der.header(der.OCTET_STRING, _KEY_IDENTIFIER_OCTETS) + identifier
    require(laid_down == expected, "another subjectKeyIdentifier than the key's")

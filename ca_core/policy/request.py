"""Certification requests: bytes in, a value that cannot be half valid out (RFC 2986, 2985)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import AttributeOID, ExtensionOID, ObjectIdentifier, SignatureAlgorithmOID

from ca_core import der as encoding
from ca_core.errors import (
    BadCsr,
    BadName,
    CaRequested,
    CertificateNotAccepted,
    ExtensionNotServed,
    PossessionNotProved,
    TooLarge,
)
from ca_core.names import Identifier
from ca_core.policy import general_names, keys, name_change, subject
from ca_core.policy.name_change import NameChange

MAX_OCTETS = 64 * 1024
OTP_CHALLENGE = ObjectIdentifier("1.2.840.113549.1.9.16.2.56")
REVOCATION_CHALLENGE = ObjectIdentifier("1.2.840.113549.1.9.16.2.57")
EST_IDENTITY_LINKING = ObjectIdentifier("1.2.840.113549.1.9.16.2.58")

_EXTENSION_REQUEST = ObjectIdentifier("1.2.840.113549.1.9.14")
# Windows asks for extensions under an OID of its own.
_EXTENSION_REQUESTS = (_EXTENSION_REQUEST, ObjectIdentifier("1.3.6.1.4.1.311.2.1.14"))
_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
# RFC 8410, 9 and RFC 9881, 3: these algorithms say themselves how they digest.
_HASHED_INSIDE = (
    SignatureAlgorithmOID.ED25519,
    SignatureAlgorithmOID.ML_DSA_44,
    SignatureAlgorithmOID.ML_DSA_65,
    SignatureAlgorithmOID.ML_DSA_87,
)
_STRING_CODECS = {12: "utf-8", 19: "ascii", 20: "latin-1", 22: "ascii", 30: "utf-16-be"}
# RFC 5280, 4.2.1.3: keyCertSign is bit 5 and cRLSign bit 6, counted from the most significant one.
_CA_USAGES = 0b0000_0110
_UNREADABLE = "the certification request cannot be read; it must be DER of a PKCS #10 request (RFC 2986)"


class CertificationRequest(msgspec.Struct, frozen=True):
    """A request whose signature proves possession of its key.

    Attributes:
        der: as received.
        spki: SubjectPublicKeyInfo of the key, in canonical DER; `spki_sha256` is its digest, 32 octets.
        subject_der: the Name as received.
        common_names: those in the subject, as they are written there.
        names: what the subjectAltName asks for, in normal form.
        san_requested: whether there is a subjectAltName.
        challenge_password: the challengePassword (RFC 2985, 5.4.1), still to be verified; None if absent.
        extensions: the values of the requested extensions, in DER, by object identifier in dotted form.
        identity_linking, otp_challenge, revocation_challenge: those of RFC 7894, as it.
        change: what a renewal is to change in the certificate's names; None for nothing.
        is_made_here: whether the server makes the key, so that there is nothing to possess yet.
    """

    der: bytes
    public_key: CertificatePublicKeyTypes
    spki: bytes
    spki_sha256: bytes
    subject_der: bytes
    common_names: tuple[str, ...]
    names: frozenset[Identifier]
    san_requested: bool
    challenge_password: str | None
    extensions: Mapping[str, bytes] = MappingProxyType({})
    identity_linking: str | None = None
    otp_challenge: str | None = None
    revocation_challenge: str | None = None
    change: NameChange | None = None
    is_made_here: bool = False


@asn1.sequence
class _Attribute:
    type: ObjectIdentifier
    values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class _RequestInfo:
    version: int
    subject: asn1.TLV
    spki: asn1.TLV
    attributes: Annotated[asn1.SetOf[_Attribute], asn1.Implicit(0)]


@asn1.sequence
class _Extension:
    extn_id: ObjectIdentifier
    # Optional rather than DEFAULT FALSE, here and below: some clients spell FALSE out.
    critical: bool | None
    extn_value: bytes


@asn1.sequence
class _ExtensionRequest:
    """A SEQUENCE around one Extensions: declarations start at a SEQUENCE with named fields."""

    extensions: list[_Extension]


@asn1.sequence
class _BasicConstraints:
    ca: bool | None
    path_length: int | None


def parse(der: bytes) -> CertificationRequest:
    """Read and check a certification request. Whether its key is sound is for `keys.check_key` to say.

    Extensions other than subjectAltName, basicConstraints and keyUsage are ignored: registered data and the
    profile decide.

    Raises:
        TooLarge: more than 64 KiB.
        BadCsr: not DER, trailing octets, a signature made with a hash off the list, a doubled attribute, extension or
            name.
        PossessionNotProved: its signature is wrong.
        ExtensionNotServed: it asks for a kind of name that is not known here.
        BadName: a name that is not in its normal form.
        CaRequested: it asks for a CA certificate.
    """
    return _read(der, is_made_here=False)


def parse_for_made_key(der: bytes) -> CertificationRequest:
    """Read a certification request whose key says of which type the key is that the server shall make.

    Nothing else is read of its key, and its signature is not (RFC 7030, 4.4.1): `spki` and its digest are empty, until
    those of the made key take their place, so that the key of this request is certified by no mistake.

    Raises:
        As `parse`, but not because of the signature.
    """
    return _read(der, is_made_here=True)


def _read(der: bytes, *, is_made_here: bool) -> CertificationRequest:
    if len(der) > MAX_OCTETS:
        raise TooLarge(f"a certification request must not have more than {MAX_OCTETS} octets")
    # cryptography reads lazily and declared structures at once: everything is touched inside this one place.
    try:
        return _parsed(der, is_made_here=is_made_here)
    except UnsupportedAlgorithm:
        raise BadCsr("the certification request uses an algorithm or curve that is not known here") from None
    except (ValueError, TypeError, x509.InvalidVersion):
        raise BadCsr(_UNREADABLE) from None


def same_subject(a_der: bytes, b_der: bytes) -> bool:
    """Whether two Names are the same: byte for byte, or as RFC 5280, 7.1 compares them."""
    if a_der == b_der:
        return True
    try:
        return subject.comparable(a_der) == subject.comparable(b_der)
    except ValueError:
        return False


def names_of(certificate: x509.Certificate) -> frozenset[Identifier]:
    """The names in a certificate's subjectAltName; empty if it has none.

    Raises:
        CertificateNotAccepted: it holds names that this authority does not certify.
    """
    try:
        extension = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
        return general_names.read(extension.value.public_bytes())
    except x509.ExtensionNotFound:
        return frozenset()
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, BadCsr, BadName, ExtensionNotServed):
        raise CertificateNotAccepted("the certificate holds names that are not certified here") from None


def _parsed(der: bytes, *, is_made_here: bool) -> CertificationRequest:
    csr = x509.load_der_x509_csr(der)
    public_key = csr.public_key()
    if not is_made_here:
        _require_possession(csr, public_key)
    info = asn1.decode_der(_RequestInfo, csr.tbs_certrequest_bytes)
    extensions = _extensions(info)
    require_end_entity(extensions)
    san = extensions.get(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    subject_der = asn1.encode_der(info.subject)
    # Written anew and not copied: one key has many encodings, and the store must know it under one digest.
    spki = b"" if is_made_here else keys.spki_der(public_key)
    return CertificationRequest(
        der=der,
        public_key=public_key,
        spki=spki,
        spki_sha256=keys.spki_sha256(spki) if spki else b"",
        subject_der=subject_der,
        common_names=subject.common_names(subject_der),
        names=frozenset() if san is None else general_names.read(san),
        san_requested=san is not None,
        change=_name_change(info),
        extensions={oid.dotted_string: value for oid, value in extensions.items()},
        challenge_password=_text(info, AttributeOID.CHALLENGE_PASSWORD),
        identity_linking=_text(info, EST_IDENTITY_LINKING),
        otp_challenge=_text(info, OTP_CHALLENGE),
        revocation_challenge=_text(info, REVOCATION_CHALLENGE),
        is_made_here=is_made_here,
    )


def _require_possession(csr: x509.CertificateSigningRequest, public_key: CertificatePublicKeyTypes) -> None:
    if csr.signature_algorithm_oid not in _HASHED_INSIDE and not isinstance(csr.signature_hash_algorithm, _HASHES):
        raise BadCsr("the certification request must be signed with SHA-256, SHA-384, SHA-512, Ed25519 or ML-DSA")
    keys.require_affordable(public_key)
    if not csr.is_signature_valid:
        raise PossessionNotProved("the signature of the certification request is wrong; sign with the key in it")


def _single_value(info: _RequestInfo, *types: ObjectIdentifier) -> asn1.TLV | None:
    found = [attribute.values.as_list() for attribute in info.attributes.as_list() if attribute.type in types]
    if not found:
        return None
    if len(found) > 1 or len(found[0]) != 1:
        raise BadCsr("the certification request holds a single-valued attribute twice (RFC 2985, 5.4)")
    return found[0][0]


def _extensions(info: _RequestInfo) -> dict[ObjectIdentifier, bytes]:
    requested = _single_value(info, *_EXTENSION_REQUESTS)
    return {} if requested is None else extensions_in(asn1.encode_der(requested))


def extensions_in(extensions_der: bytes) -> dict[ObjectIdentifier, bytes]:
    """The values of requested Extensions, in DER.

    Raises:
        ValueError: they cannot be read.
        BadCsr: one comes twice.
    """
    listed = asn1.decode_der(_ExtensionRequest, encoding.sequence(extensions_der)).extensions
    extensions = {extension.extn_id: extension.extn_value for extension in listed}
    if len(extensions) != len(listed):
        raise BadCsr("the certification request holds one extension twice (RFC 5280, 4.2)")
    return extensions


def require_end_entity(extensions: Mapping[ObjectIdentifier, bytes]) -> None:
    """Let only a request pass that asks for no CA certificate.

    Raises:
        ValueError: the extensions that would say it cannot be read.
        CaRequested: it asks for one.
    """
    constraints = extensions.get(ExtensionOID.BASIC_CONSTRAINTS)
    usage = extensions.get(ExtensionOID.KEY_USAGE)
    is_ca = constraints is not None and bool(asn1.decode_der(_BasicConstraints, constraints).ca)
    bits = b"" if usage is None else asn1.decode_der(asn1.BitString, usage).as_bytes()
    if is_ca or (bits and bits[0] & _CA_USAGES):
        raise CaRequested("the certification request asks for a CA certificate; ask without basicConstraints")


def _text(info: _RequestInfo, kind: ObjectIdentifier) -> str | None:
    value = _single_value(info, kind)
    if value is None:
        return None
    codec = _STRING_CODECS.get(value.tag_bytes[0])
    if codec is None:
        raise BadCsr("a challengePassword, estIdentityLinking or other challenge is not a string (RFC 2985; RFC 7894)")
    return bytes(value.data).decode(codec)


def _name_change(info: _RequestInfo) -> NameChange | None:
    value = _single_value(info, name_change.CHANGE_SUBJECT_NAME)
    return None if value is None else name_change.read(asn1.encode_der(value))

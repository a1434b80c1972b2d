"""What `/csrattrs` tells a client to ask for, made from a profile (RFC 7030, 4.5.2; RFC 9908).

The answer says the same twice: as attributes and object identifiers for those who know RFC 7030 only, and as a template
of a certification request (RFC 9908, 3.4) for the others, who go by the template alone. What a template cannot say is
said without one.
"""

from __future__ import annotations

from collections.abc import Iterable

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import (
    AttributeOID,
    ExtensionOID,
    ObjectIdentifier,
    PublicKeyAlgorithmOID,
    SignatureAlgorithmOID,
)

from ca_core import der
from ca_core.issuance import plan
from ca_core.policy.key_types import FAMILIES
from ca_core.policy.keys import KeyType
from ca_core.policy.profile import Profile
from ca_core.policy.request import EST_IDENTITY_LINKING, OTP_CHALLENGE, CertificationRequest
from protocols.encoding import wrapped_base64
from protocols.est.errors import AttributesMissing

MOST_OCTETS = 1024
"""Of the body, in base64: older clients read no more."""
_SET, _BOOLEAN_TRUE, _OCTET_STRING, _SUBJECT_PK_INFO, _ATTRIBUTES = 0x31, b"\x01\x01\xff", 0x04, 0xA0, 0xA1
_EXTENSION_REQUEST = ObjectIdentifier("1.2.840.113549.1.9.14")
_REQUEST_TEMPLATE = ObjectIdentifier("1.2.840.113549.1.9.16.2.61")
_EXTENSION_TEMPLATE = ObjectIdentifier("1.2.840.113549.1.9.16.2.62")
_CURVES = {
    "ec-p256": ObjectIdentifier("1.2.840.10045.3.1.7"),
    "ec-p384": ObjectIdentifier("1.3.132.0.34"),
    "ec-p521": ObjectIdentifier("1.3.132.0.35"),
}
# Keys whose algorithm says all: there is neither a parameter to choose nor a hash.
_WHOLE = {
    "ed25519": SignatureAlgorithmOID.ED25519,
    "ml-dsa-44": SignatureAlgorithmOID.ML_DSA_44,
    "ml-dsa-65": SignatureAlgorithmOID.ML_DSA_65,
    "ml-dsa-87": SignatureAlgorithmOID.ML_DSA_87,
}
_RSA_EXPONENT = 65_537
_NAMES = {
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME.dotted_string: "subjectAltName",
    ExtensionOID.KEY_USAGE.dotted_string: "keyUsage",
    ExtensionOID.EXTENDED_KEY_USAGE.dotted_string: "extKeyUsage",
}


def csr_attributes(
    profile: Profile, subject_der: bytes | None = None, *, is_bound: bool = False, takes_codes: bool = False
) -> bytes:
    """CsrAttrs, in DER, of a profile.

    Args:
        subject_der: the Name that the client's certificate will bear; None where it is not known who asks.
        is_bound: whether requests must be bound to their connection; libest binds only where it is told to.
        takes_codes: whether a code in the request signs in.
    """
    challenges = list(_challenges(is_bound=is_bound, takes_codes=takes_codes))
    legacy = [*challenges, *_keys(profile), *_hashes(profile), *_legacy_extensions(profile)]
    if challenges or len(profile.key_types) > 1:
        # RFC 9908, 4: beside a template these would be ignored, and in one there is no place for them.
        return der.sequence(*legacy)
    whole = der.sequence(*legacy, _template(profile, subject_der))
    # A template with a large RSA key in it may be what is too much; the attributes say the same.
    return whole if len(wrapped_base64(whole)) <= MOST_OCTETS else der.sequence(*legacy)


def require(profile: Profile, request: CertificationRequest) -> None:
    """Let only a request pass that asks for the extensions that `csr_attributes` names.

    What kinds of keys and hashes are taken is judged for every label, here or not.

    Raises:
        AttributesMissing: it lacks one, or asks for another value of it.
    """
    asked = [(extension.extn_id.dotted_string, extension.extn_value) for extension in _known_extensions(profile)]
    missing = [oid for oid, value in asked if request.extensions.get(oid) != value]
    names = [oid for oid, _ in asked]
    if profile.names_required:
        san = ExtensionOID.SUBJECT_ALTERNATIVE_NAME.dotted_string
        names = [san, *names]
        missing = [*([] if request.san_requested else [san]), *missing]
    if missing:
        raise AttributesMissing([_NAMES[oid] for oid in names], [_NAMES[oid] for oid in missing])


def _challenges(*, is_bound: bool, takes_codes: bool) -> Iterable[bytes]:
    """By these a client learns what a request must prove (RFC 7030, 3.5), or may (RFC 7894, 4)."""
    if is_bound:
        yield _oid(AttributeOID.CHALLENGE_PASSWORD)
        yield _oid(EST_IDENTITY_LINKING)
    if takes_codes:
        # Never the challengePassword, which takes a code too: older clients would put a channel binding there.
        yield _oid(OTP_CHALLENGE)


def _keys(profile: Profile) -> Iterable[bytes]:
    """The kinds of keys, where the profile names them: each algorithm with all parameters that it may have.

    One that has none is an attribute without a value (RFC 9908, 3.2).
    """
    if curves := [_oid(_CURVES[name]) for name in _CURVES if name in profile.key_types]:
        yield _attribute(PublicKeyAlgorithmOID.EC_PUBLIC_KEY, *curves)
    if sizes := sorted(_rsa_bits(name) for name in profile.key_types if FAMILIES[name] == "rsa"):
        yield _attribute(PublicKeyAlgorithmOID.RSAES_PKCS1_v1_5, *(asn1.encode_der(bits) for bits in sizes))
    for name, oid in _WHOLE.items():
        if name in profile.key_types:
            yield _attribute(oid)


def _hashes(profile: Profile) -> Iterable[bytes]:
    """The weakest hash that a request may be signed with; stronger ones are taken as well."""
    families = {FAMILIES[name] for name in profile.key_types}
    if "ec" in families:
        yield _oid(SignatureAlgorithmOID.ECDSA_WITH_SHA256)
    if "rsa" in families:
        yield _oid(SignatureAlgorithmOID.RSA_WITH_SHA256)


def _legacy_extensions(profile: Profile) -> Iterable[bytes]:
    if profile.names_required:
        yield _oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    # RFC 9908, 3.2: one attribute, one value, and in it whole extensions.
    yield _attribute(_EXTENSION_REQUEST, der.sequence(*(asn1.encode_der(one) for one in _known_extensions(profile))))


def _known_extensions(profile: Profile) -> list[der.Extension]:
    """Those whose value the profile settles, whatever key the client chooses."""
    families: set[KeyType] = {FAMILIES[name] for name in profile.key_types or FAMILIES}
    usages = {usages for family in families if (usages := profile.usages_for(family))}
    extended = plan.extended_key_usage(profile)
    return [plan.key_usage(usages.pop()), extended] if len(usages) == 1 else [extended]


def _template(profile: Profile, subject_der: bytes | None) -> bytes:
    """The attribute with the CertificationRequestInfoTemplate (RFC 9908, 3.4)."""
    known = [_extension_template(one.extn_id, one.extn_value, one.critical) for one in _known_extensions(profile)]
    # RFC 9908, 3.4: a value that is the client's to fill in makes it a template of extensions, and no longer a request.
    attribute_type = _EXTENSION_TEMPLATE if profile.names_required else _EXTENSION_REQUEST
    names = [_extension_template(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)] if profile.names_required else []
    attributes = _attribute(attribute_type, der.sequence(*names, *known))
    content = [asn1.encode_der(0), subject_der or b"", *_key_template(profile), _tagged(_ATTRIBUTES, attributes)]
    return _attribute(_REQUEST_TEMPLATE, der.sequence(*content))


def _key_template(profile: Profile) -> Iterable[bytes]:
    """SubjectPublicKeyInfoTemplate of the one kind of key; nothing where any will do."""
    for name in profile.key_types:
        if name in _CURVES:
            algorithm = der.sequence(_oid(PublicKeyAlgorithmOID.EC_PUBLIC_KEY), _oid(_CURVES[name]))
            yield _tagged(_SUBJECT_PK_INFO, algorithm)
        elif name in _WHOLE:
            yield _tagged(_SUBJECT_PK_INFO, der.sequence(_oid(_WHOLE[name])))
        else:
            yield _tagged(_SUBJECT_PK_INFO, _rsa_placeholder(_rsa_bits(name)))


def _rsa_placeholder(bits: int) -> bytes:
    """RFC 9908, 3.4: how long the modulus is to be is said by one of that length, which is nobody's."""
    placeholder = rsa.RSAPublicNumbers(_RSA_EXPONENT, (1 << bits) - 1).public_key()
    encoded = placeholder.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return bytes(der.tlv(encoded).data)


def _rsa_bits(name: str) -> int:
    return int(name.removeprefix("rsa-"))


def _extension_template(oid: ObjectIdentifier, value: bytes | None = None, critical: bool = False) -> bytes:  # noqa: FBT001, FBT002  # as in the ASN.1
    return der.sequence(
        _oid(oid), _BOOLEAN_TRUE if critical else b"", b"" if value is None else _tagged(_OCTET_STRING, value)
    )


def _attribute(type_: ObjectIdentifier, *values: bytes) -> bytes:
    # X.690, 11.6: the elements of a SET OF are in ascending order.
    return der.sequence(_oid(type_), _tagged(_SET, *sorted(values)))


def _tagged(tag: int, *content: bytes) -> bytes:
    joined = b"".join(content)
    return der.header(tag, len(joined)) + joined


def _oid(oid: ObjectIdentifier) -> bytes:
    return asn1.encode_der(oid)

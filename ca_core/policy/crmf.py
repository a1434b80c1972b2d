"""Certification requests in the Certificate Request Message Format (RFC 4211), as CMC takes them (RFC 5272, 3.2.1.2.2).

Read are subject, key and extensions of the template, and the control that changes names; the rest of a template is the
CA's to say. Possession is proved by a signature over the CertRequest and in no other way: all keys that are certified
here can sign.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtensionOID, ObjectIdentifier, SignatureAlgorithmOID

from ca_core import der as encoding
from ca_core.errors import BadCsr, PossessionNotProved, TooLarge
from ca_core.policy import general_names, keys, name_change, request, subject
from ca_core.policy.request import MAX_OCTETS, CertificationRequest

_SUBJECT, _PUBLIC_KEY, _EXTENSIONS = 0xA5, 0xA6, 0xA9
_BY_SIGNATURE, _SIGNING_KEY_INPUT = 0xA1, 0xA0
_SEQUENCE_TAG = bytes((encoding.SEQUENCE,))
_CONTROLS_PLACE = 2
# RFC 5274, 4.3: two kinds of secrets for which CMC has proofs of its own, and the archiving of private keys.
_FORBIDDEN = frozenset(ObjectIdentifier(f"1.3.6.1.5.5.7.5.1.{number}") for number in (1, 2, 4))
_HASHES = {
    SignatureAlgorithmOID.RSA_WITH_SHA256: hashes.SHA256(),
    SignatureAlgorithmOID.RSA_WITH_SHA384: hashes.SHA384(),
    SignatureAlgorithmOID.RSA_WITH_SHA512: hashes.SHA512(),
    SignatureAlgorithmOID.ECDSA_WITH_SHA256: hashes.SHA256(),
    SignatureAlgorithmOID.ECDSA_WITH_SHA384: hashes.SHA384(),
    SignatureAlgorithmOID.ECDSA_WITH_SHA512: hashes.SHA512(),
}
_RSA = frozenset(oid for oid in _HASHES if oid.dotted_string.startswith("1.2.840.113549."))
_WHOLE: Mapping[ObjectIdentifier, type] = {
    SignatureAlgorithmOID.ED25519: ed25519.Ed25519PublicKey,
    SignatureAlgorithmOID.ML_DSA_44: mldsa.MLDSA44PublicKey,
    SignatureAlgorithmOID.ML_DSA_65: mldsa.MLDSA65PublicKey,
    SignatureAlgorithmOID.ML_DSA_87: mldsa.MLDSA87PublicKey,
}
_UNREADABLE = "the certification request cannot be read; it must be DER of a CertReqMsg (RFC 4211)"
_UNSIGNED = "sign the CertRequest with the key in it: possession is proved in no other way here (RFC 4211, 4.1)"


def is_crmf(der: bytes) -> bool:
    """Whether a certification request is a CertReqMsg rather than PKCS #10, which has two SEQUENCEs in the front.

    Raises:
        ValueError: it is neither.
    """
    _, *rest = encoding.elements(der)
    return not rest or rest[0][0] != encoding.SEQUENCE


def parse_any(der: bytes) -> CertificationRequest:
    """Read a request in either format.

    Raises:
        As `parse` and `request.parse`.
    """
    try:
        is_message = is_crmf(der)
    except ValueError:
        is_message = False
    return parse(der) if is_message else request.parse(der)


def parse(der: bytes) -> CertificationRequest:
    """Read and check a CertReqMsg. Whether its key is sound is for `keys.check_key` to say.

    Raises:
        TooLarge: more than 64 KiB.
        BadCsr: not DER, subject or key missing, or something in it that CMC forbids.
        PossessionNotProved: the key has not signed it.
        BadName, ExtensionNotServed, CaRequested: as `request.parse` says.
    """
    if len(der) > MAX_OCTETS:
        raise TooLarge(f"a certification request must not have more than {MAX_OCTETS} octets")
    try:
        return _parsed(der)
    except UnsupportedAlgorithm:
        raise BadCsr("the certification request uses an algorithm or curve that is not known here") from None
    except (ValueError, TypeError, IndexError):
        raise BadCsr(_UNREADABLE) from None


def request_id(der: bytes) -> int:
    """The certReqId, by which a CertReqMsg is called.

    Raises:
        ValueError: it is none.
    """
    first, *_ = encoding.elements(der) or [b""]
    number, *_ = encoding.elements(first) or [b""]
    return asn1.decode_der(int, number)


def controls(der: bytes) -> list[tuple[ObjectIdentifier, bytes]]:
    """The controls of a CertReqMsg: each with the DER of its value.

    Raises:
        ValueError: it is none.
    """
    listed = encoding.elements(encoding.elements(der)[0])[_CONTROLS_PLACE:]
    pairs = [encoding.elements(control) for one in listed for control in encoding.elements(one)]
    return [(asn1.decode_der(ObjectIdentifier, kind), value) for kind, value in pairs]


def _parsed(der: bytes) -> CertificationRequest:
    cert_request, *proofs = encoding.elements(der)
    template = {field[0]: field for field in encoding.elements(encoding.elements(cert_request)[1])}
    if _SUBJECT not in template or _PUBLIC_KEY not in template:
        raise BadCsr("the template must have a subject, which may be empty, and a public key (RFC 5272, 3.2.1.2.2)")
    public_key = _public_key(_SEQUENCE_TAG + template[_PUBLIC_KEY][1:])
    _require_possession(public_key, cert_request, proofs)
    named = dict(controls(der))
    if named.keys() & _FORBIDDEN:
        raise BadCsr("leave regToken, authenticator and pkiArchiveOptions out: CMC does not use them (RFC 5274, 4.3)")
    # Name is a CHOICE, and so its tag is explicit.
    (subject_der,) = encoding.elements(_SEQUENCE_TAG + template[_SUBJECT][1:])
    extensions = request.extensions_in(_SEQUENCE_TAG + template[_EXTENSIONS][1:]) if _EXTENSIONS in template else {}
    request.require_end_entity(extensions)
    san = extensions.get(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    change = named.get(name_change.CHANGE_SUBJECT_NAME)
    spki = keys.spki_der(public_key)
    return CertificationRequest(
        der=der,
        public_key=public_key,
        spki=spki,
        spki_sha256=keys.spki_sha256(spki),
        subject_der=subject_der,
        common_names=subject.common_names(subject_der),
        names=frozenset() if san is None else general_names.read(san),
        san_requested=san is not None,
        challenge_password=None,
        extensions={oid.dotted_string: value for oid, value in extensions.items()},
        change=None if change is None else name_change.read(change),
    )


def _public_key(spki: bytes) -> CertificatePublicKeyTypes:
    loaded = serialization.load_der_public_key(spki)
    if not isinstance(
        loaded,
        rsa.RSAPublicKey
        | ec.EllipticCurvePublicKey
        | ed25519.Ed25519PublicKey
        | mldsa.MLDSA44PublicKey
        | mldsa.MLDSA65PublicKey
        | mldsa.MLDSA87PublicKey,
    ):
        raise PossessionNotProved(_UNSIGNED)
    keys.require_affordable(loaded)
    return loaded


def _require_possession(public_key: CertificatePublicKeyTypes, signed: bytes, proofs: list[bytes]) -> None:
    if not proofs or proofs[0][0] != _BY_SIGNATURE:
        raise PossessionNotProved(_UNSIGNED)
    if len(proofs) > 1:
        raise BadCsr("regInfo is not used in CMC (RFC 5272, 3.2.1.2.2); send the control regInfo instead")
    parts = encoding.elements(_SEQUENCE_TAG + proofs[0][1:])
    if parts[0][0] == _SIGNING_KEY_INPUT:
        raise BadCsr("sign the CertRequest itself, and not a POPOSigningKeyInput (RFC 5272, 3.2.1.2.2)")
    identifier, signature = parts
    algorithm = asn1.decode_der(ObjectIdentifier, encoding.elements(identifier)[0])
    verify = _verifier(algorithm, public_key)
    try:
        verify(asn1.decode_der(asn1.BitString, signature).as_bytes(), signed)
    except InvalidSignature:
        raise PossessionNotProved("the signature of the certification request is wrong; sign with its key") from None


def _verifier(algorithm: ObjectIdentifier, public_key: CertificatePublicKeyTypes) -> Callable[[bytes, bytes], None]:
    """What verifies a signature over data, or raises InvalidSignature."""
    hashing = _HASHES.get(algorithm)
    if hashing is not None and algorithm in _RSA and isinstance(public_key, rsa.RSAPublicKey):
        return lambda signature, data: public_key.verify(signature, data, padding.PKCS1v15(), hashing)
    if hashing is not None and algorithm not in _RSA and isinstance(public_key, ec.EllipticCurvePublicKey):
        return lambda signature, data: public_key.verify(signature, data, ec.ECDSA(hashing))
    match public_key:
        case (
            ed25519.Ed25519PublicKey() | mldsa.MLDSA44PublicKey() | mldsa.MLDSA65PublicKey() | mldsa.MLDSA87PublicKey()
        ) if isinstance(public_key, _WHOLE.get(algorithm, type(None))):
            return public_key.verify
        case _:
            raise BadCsr("the certification request must be signed with SHA-256, SHA-384, SHA-512, Ed25519 or ML-DSA")

"""The certificate that answers tls-alpn-01 (RFC 8737, 3; RFC 8738, 6)."""

from __future__ import annotations

import hashlib
import ipaddress

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from ca_core.errors import WeakKey
from ca_core.names import Identifier, Kind
from ca_core.policy import keys

PROTOCOL = "acme-tls/1"
ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")

_UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_OCTET_STRING_OF_32 = b"\x04\x20"


def server_name(identifier: Identifier) -> str:
    """What is asked for in the handshake: the name, or of an address its name in the reverse tree (RFC 8738, 6)."""
    if identifier.kind is Kind.IP:
        return ipaddress.ip_address(identifier.value).reverse_pointer
    return identifier.value


def objection(der: bytes, identifier: Identifier, key_authorization: str) -> str | None:
    """Why a certificate does not answer the challenge, as "the certificate ..." goes on; None when it does."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        extensions = list(certificate.extensions)
    except _UNREADABLE:
        return "cannot be read"
    return (
        _objection_to_names(extensions, identifier)
        or _objection_to_proof(extensions, key_authorization)
        or _objection_to_signature(certificate)
    )


def _objection_to_names(extensions: list[x509.Extension[x509.ExtensionType]], identifier: Identifier) -> str | None:
    names = next((list(one.value) for one in extensions if isinstance(one.value, x509.SubjectAlternativeName)), [])
    if len(names) != 1:
        return f"has {len(names)} subject alternative names where exactly one was expected"
    (name,) = names
    if identifier.kind is Kind.IP:
        is_right = isinstance(name, x509.IPAddress) and str(name.value) == identifier.value
    else:
        # RFC 4343: DNS names are compared without regard to case.
        is_right = isinstance(name, x509.DNSName) and name.value.lower() == identifier.value
    return None if is_right else "is for another name"


def _objection_to_proof(extensions: list[x509.Extension[x509.ExtensionType]], key_authorization: str) -> str | None:
    proof = next((one for one in extensions if one.oid == ACME_IDENTIFIER), None)
    if proof is None:
        return "has no acmeIdentifier extension"
    if not proof.critical:
        return "has an acmeIdentifier extension that is not critical"
    digest = hashlib.sha256(key_authorization.encode()).digest()
    if not isinstance(proof.value, x509.UnrecognizedExtension) or proof.value.value != _OCTET_STRING_OF_32 + digest:
        return "has an acmeIdentifier extension with something other than the digest of the key authorization"
    return None


def _objection_to_signature(certificate: x509.Certificate) -> str | None:
    """RFC 8737, 3: self-signed, so that a certificate which a CA made in another's name proves nothing."""
    try:
        keys.require_affordable(certificate.public_key())
        certificate.verify_directly_issued_by(certificate)
    except WeakKey:
        return "has a key that is too large to be verified"
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return "is not self-signed"
    return None

"""`Client-Cert` and `Client-Cert-Chain` (RFC 9440): a client certificate whose handshake was with a proxy.

The proxy has seen that its holder has the key. Whether we trust who issued it is for us to say: no handshake of ours
did.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from ca_core.errors import BadRequest, CertificateNotAccepted
from ca_core.issuance.chain import has_issued

CLIENT_CERT = "client-cert"
CLIENT_CERT_CHAIN = "client-cert-chain"
_BYTES = re.compile(r":([A-Za-z0-9+/]*={0,2}):")
_MOST_CAS = 6
# A critical extension that is not looked at here would be overlooked (RFC 5280, 4.2).
_OF_CAS = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.CERTIFICATE_POLICIES,
    }
)
_OF_CLIENTS = _OF_CAS | {
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    ExtensionOID.CRL_DISTRIBUTION_POINTS,
}


def presented(field: str | None, chain: str | None, anchors: Sequence[x509.Certificate]) -> bytes | None:
    """DER of the certificate in the fields, after its signature and chain were verified; None where there is none.

    Dates and status are for others to judge, as after a handshake.

    Args:
        field, chain: the values of the fields; an empty one is what some proxies send for no certificate.
        anchors: the CAs that are trusted.

    Raises:
        BadRequest: they are not what RFC 9440 says; it is the proxy's fault.
        CertificateNotAccepted: it is not from a CA that is trusted, or not for clients.
    """
    if field is None or field.strip() in {"", "::"}:
        return None
    leaf = _certificate(field)
    between = [_certificate(one) for one in chain.split(",")] if chain and chain.strip() else []
    if len(between) > _MOST_CAS:
        raise BadRequest(f"Client-Cert-Chain holds more than {_MOST_CAS} certificates")
    try:
        _require_for_clients(leaf)
        _require_path(leaf, between, anchors)
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise CertificateNotAccepted("the client certificate cannot be read") from None
    return _octets(field)


def _octets(item: str) -> bytes:
    found = _BYTES.fullmatch(item.strip())
    try:
        if found:
            return base64.b64decode(found[1], validate=True)
    except ValueError:
        pass
    raise BadRequest("Client-Cert must be one certificate, and Client-Cert-Chain a list, as :base64: (RFC 9440, 2)")


def _certificate(item: str) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(_octets(item))
    except (ValueError, x509.InvalidVersion):
        raise BadRequest("Client-Cert and Client-Cert-Chain must hold certificates in DER (RFC 9440, 2)") from None


def _require_for_clients(leaf: x509.Certificate) -> None:
    """What OpenSSL asks of a client's certificate in a handshake."""
    if not _is_understood(leaf, _OF_CLIENTS):
        raise CertificateNotAccepted("the client certificate has a critical extension that is not known here")
    try:
        purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if ExtendedKeyUsageOID.CLIENT_AUTH not in purposes:
            raise CertificateNotAccepted("the client certificate is not for TLS clients")
    except x509.ExtensionNotFound:
        pass
    try:
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
        if not (usage.digital_signature or usage.key_agreement):
            raise CertificateNotAccepted("the client certificate's key is not for signing")
    except x509.ExtensionNotFound:
        pass


def _require_path(
    leaf: x509.Certificate, between: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate]
) -> None:
    """Climb from the certificate to an anchor; what stands between must be a CA, and may be used once."""
    current, left = leaf, list(between)
    for below in range(_MOST_CAS + 1):
        if any(has_issued(anchor, current) for anchor in anchors):
            return
        issuer = next((one for one in left if _is_ca(one, below) and has_issued(one, current)), None)
        if issuer is None:
            break
        left.remove(issuer)
        current = issuer
    raise CertificateNotAccepted("the client certificate was not issued by a CA that is trusted here")


def _is_understood(certificate: x509.Certificate, known: frozenset[x509.ObjectIdentifier]) -> bool:
    return all(one.oid in known for one in certificate.extensions if one.critical)


def _is_ca(certificate: x509.Certificate, below: int) -> bool:
    """Whether it may issue, with so many CAs below it already."""
    if not _is_understood(certificate, _OF_CAS):
        return False
    extensions = certificate.extensions
    try:
        constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
        if not extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign:
            return False
    except x509.ExtensionNotFound:
        return False
    return constraints.ca and (constraints.path_length is None or below <= constraints.path_length)

"""A certificate, field by field, as people read it."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from ca_core.names import from_canonical
from ca_core.policy.key_types import key_name
from ca_core.policy.keys import spki_der, spki_sha256
from ca_core.policy.profile import ExtendedUsage
from ca_core.store.certificates import Certificate
from server.web.languages import phrase
from server.web.values import Field, Value, moment, octets

# The standard's name (RFC 5280, 4.2.1.3), the library's, and what it is for.
_USAGES = (
    ("digitalSignature", "digital_signature", phrase("signs, and shows who somebody is")),
    ("contentCommitment", "content_commitment", phrase("signs what the signer stands by")),
    ("keyEncipherment", "key_encipherment", phrase("others encrypt keys for its holder")),
    ("dataEncipherment", "data_encipherment", phrase("others encrypt data for its holder")),
    ("keyAgreement", "key_agreement", phrase("agrees with others on a key")),
    ("keyCertSign", "key_cert_sign", phrase("signs certificates")),
    ("cRLSign", "crl_sign", phrase("signs revocation lists")),
)
_EXTENDED = {
    ExtendedKeyUsageOID.SERVER_AUTH: (ExtendedUsage.SERVER_AUTH, phrase("a server shows who it is")),
    ExtendedKeyUsageOID.CLIENT_AUTH: (ExtendedUsage.CLIENT_AUTH, phrase("its holder shows servers who they are")),
    ExtendedKeyUsageOID.EMAIL_PROTECTION: (ExtendedUsage.EMAIL_PROTECTION, phrase("mail is signed and encrypted")),
    ExtendedKeyUsageOID.CODE_SIGNING: (ExtendedUsage.CODE_SIGNING, phrase("programs are signed")),
    ExtendedKeyUsageOID.OCSP_SIGNING: (ExtendedUsage.OCSP_SIGNING, phrase("answers about certificates are signed")),
    ExtendedKeyUsageOID.IPSEC_IKE: (ExtendedUsage.IPSEC_IKE, phrase("virtual private networks")),
}


def fields(certificate: Certificate) -> list[Field]:
    """What is in a certificate, in the order in which it is looked for; what it does not have is left out."""
    read = x509.load_der_x509_certificate(certificate.der)
    key = read.public_key()
    digest = octets(spki_sha256(spki_der(key)))
    found = [
        Field(phrase("Subject"), (Value(read.subject.rfc4514_string()),)),
        Field(phrase("Names"), tuple(map(Value, sorted(map(str, from_canonical(certificate.names)))))),
        Field(phrase("Serial number"), (Value(octets(bytes.fromhex(certificate.serial)), is_code=True),)),
        Field(phrase("Issuer"), (Value(read.issuer.rfc4514_string()),)),
        Field(phrase("Valid from"), (moment(certificate.not_before),)),
        Field(phrase("Valid until"), (moment(certificate.not_after),)),
        Field(phrase("Profile"), (Value(certificate.profile, is_code=True),)),
        Field(phrase("Key usage"), _usages(read)),
        Field(phrase("Extended key usage"), _extended_usages(read)),
        Field(phrase("Policies"), tuple(map(Value, _policies(read)))),
        Field(phrase("Public key"), (Value(key_name(key)), Value(digest, phrase("SHA-256 of the key"), is_code=True))),
        Field(phrase("Fingerprint (SHA-256)"), (Value(octets(read.fingerprint(hashes.SHA256())), is_code=True),)),
        Field(phrase("Revocation list"), tuple(map(Value, _crl_addresses(read)))),
        Field(phrase("Status service (OCSP)"), tuple(map(Value, _addresses(read, AuthorityInformationAccessOID.OCSP)))),
        Field(
            phrase("Issuer's certificate"),
            tuple(map(Value, _addresses(read, AuthorityInformationAccessOID.CA_ISSUERS))),
        ),
    ]
    return [field for field in found if field.values]


def _usages(read: x509.Certificate) -> tuple[Value, ...]:
    try:
        usage = read.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(Value(text, why, is_code=True) for text, attribute, why in _USAGES if getattr(usage, attribute))


def _extended_usages(read: x509.Certificate) -> tuple[Value, ...]:
    try:
        usages = read.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return ()
    known = [_EXTENDED.get(oid, (oid.dotted_string, "")) for oid in usages]
    return tuple(Value(str(text), why, is_code=True) for text, why in known)


def _policies(read: x509.Certificate) -> list[str]:
    try:
        policies = read.extensions.get_extension_for_class(x509.CertificatePolicies).value
    except x509.ExtensionNotFound:
        return []
    return [policy.policy_identifier.dotted_string for policy in policies]


def _crl_addresses(read: x509.Certificate) -> list[str]:
    try:
        points = read.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for point in points for name in point.full_name or ()]


def _addresses(read: x509.Certificate, method: x509.ObjectIdentifier) -> list[str]:
    try:
        accesses = read.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return []
    return [str(access.access_location.value) for access in accesses if access.access_method == method]

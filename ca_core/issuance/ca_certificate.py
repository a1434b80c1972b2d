"""The to-be-signed bytes of CA certificates, and of the request for one (RFC 5280, 4; RFC 2986; RFC 4210, 4.4)."""

from __future__ import annotations

import msgspec
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import AuthorityInformationAccessOID, CertificatePoliciesOID, ObjectIdentifier

from ca_core import der
from ca_core.issuance.plan import key_identifier, laid_down

ROOT_LEVELS = 1
"""One CA fits below a root: an issuing CA, and beside it its successor. Cross-certificates are self-issued and
do not count (RFC 5280, 4.2.1.9)."""
ISSUING_LEVELS = 0

_EXTENSION_REQUEST = ObjectIdentifier("1.2.840.113549.1.9.14")
_SET = 0x31
_ATTRIBUTES = 0xA0


class Signer(msgspec.Struct, frozen=True):
    """Who signs: a CA as far as its name goes into what it signs.

    Attributes:
        subject_der: its subject, byte for byte.
        spki: its key, as SubjectPublicKeyInfo in DER.
        algorithm: AlgorithmIdentifier of its signatures, in DER.
        crl_url, ca_url: where its CRL and its certificate are to be had.
    """

    subject_der: bytes
    spki: bytes
    algorithm: bytes
    crl_url: str
    ca_url: str


def root_tbs(signer: Signer, *, serial: int, validity: tuple[int, int]) -> bytes:
    """A root's self-signed certificate. It points to nothing: who trusts it has it, and nobody can revoke it.

    Args:
        signer: the root itself.
        validity: notBefore and notAfter, UTC seconds.
    """
    return laid_down(
        serial=serial,
        algorithm=signer.algorithm,
        issuer_der=signer.subject_der,
        validity=validity,
        subject_der=signer.subject_der,
        spki=signer.spki,
        extensions=_authority(signer.spki, ROOT_LEVELS),
    )


def issued_tbs(
    signer: Signer, *, subject_der: bytes, spki: bytes, serial: int, validity: tuple[int, int], levels_below: int
) -> bytes:
    """The certificate of a CA that another one signs: an issuing CA, or a root's other key.

    Args:
        spki: the CA's key, as SubjectPublicKeyInfo in DER.
        validity: notBefore and notAfter, UTC seconds.
        levels_below: how many CAs may follow (pathLenConstraint).
    """
    crl = x509.DistributionPoint([x509.UniformResourceIdentifier(signer.crl_url)], None, None, None)
    issuers = x509.AccessDescription(
        AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(signer.ca_url)
    )
    extensions = [
        *_authority(spki, levels_below),
        der.extension(x509.AuthorityKeyIdentifier(key_identifier(signer.spki), None, None)),
        der.extension(x509.CRLDistributionPoints([crl])),
        der.extension(x509.AuthorityInformationAccess([issuers])),
        # Without it no policy of a certificate below counts for who asks for one (RFC 5280, 6.1.3, d).
        der.extension(x509.CertificatePolicies([x509.PolicyInformation(CertificatePoliciesOID.ANY_POLICY, None)])),
    ]
    return laid_down(
        serial=serial,
        algorithm=signer.algorithm,
        issuer_der=signer.subject_der,
        validity=validity,
        subject_der=subject_der,
        spki=spki,
        extensions=extensions,
    )


def request_info(subject_der: bytes, spki: bytes) -> bytes:
    """The to-be-signed bytes of a certification request for an issuing CA (RFC 2986, 4.1).

    It asks for the extensions of a CA; whoever signs it decides.
    """
    extensions = der.sequence(*(asn1.encode_der(extension) for extension in _authority(spki, ISSUING_LEVELS)))
    attribute = der.sequence(asn1.encode_der(_EXTENSION_REQUEST), der.header(_SET, len(extensions)) + extensions)
    return der.sequence(asn1.encode_der(0), subject_der, spki, der.header(_ATTRIBUTES, len(attribute)) + attribute)


def _authority(spki: bytes, levels_below: int) -> list[der.Extension]:
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return [
        der.extension(x509.BasicConstraints(ca=True, path_length=levels_below), critical=True),
        der.extension(usage, critical=True),
        der.extension(x509.SubjectKeyIdentifier(key_identifier(spki))),
    ]

"""The CA's certificates, and the proof that they fit together before anything is issued (RFC 5280, 6.1)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.errors import Misconfigured
from ca_core.policy import keys

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


class IssuerCertificate(msgspec.Struct, frozen=True):
    """The certificate of a CA that issues, with what goes from it into each certificate.

    Attributes:
        name: as in `/crl/NAME.crl`, such as `issuing`.
        subject_der: its subject byte for byte, which is the issuer of what it issues.
        key_identifier: the octets of its subjectKeyIdentifier.
        not_after: UTC seconds.
        crl_url, ca_url: where its CRL and this certificate are to be had.
        ocsp_url: where the status of what it issues can be asked; None where it cannot.
    """

    name: str
    certificate: x509.Certificate
    der: bytes
    subject_der: bytes
    key_identifier: bytes
    not_after: int
    crl_url: str
    ca_url: str
    ocsp_url: str | None = None

    def crl_url_of(self, shard: int) -> str:
        """Where the CRL of one of its shards is; of 0, the full one."""
        return crl_url_of(self.crl_url, shard)


def crl_url_of(url: str, shard: int) -> str:
    """Where the CRL of a shard is, from where the full one is; of 0, the full one.

    A CA's name holds no dot, so that `/crl/NAME.SHARD.crl` is nobody else's.
    """
    return f"{url.removesuffix('.crl')}.{shard}.crl" if shard else url


def issuer_certificate(
    name: str, certificate: x509.Certificate, *, crl_url: str, ca_url: str, ocsp_url: str | None = None
) -> IssuerCertificate:
    """Take from a CA certificate what issuing needs.

    Raises:
        Misconfigured: it has no subjectKeyIdentifier, which RFC 5280, 4.2.1.2 demands of a CA.
    """
    identifier = _extension(certificate, x509.SubjectKeyIdentifier, name)
    return IssuerCertificate(
        name=name,
        certificate=certificate,
        der=certificate.public_bytes(Encoding.DER),
        subject_der=certificate.subject.public_bytes(),
        key_identifier=identifier.digest,
        not_after=int(certificate.not_valid_after_utc.timestamp()),
        crl_url=crl_url,
        ca_url=ca_url,
        ocsp_url=ocsp_url,
    )


def prove_chain(path: Sequence[tuple[str, x509.Certificate]], *, now: int) -> None:
    """Prove that a CA leads to a root: names, signatures, CA bits, path lengths, dates.

    Args:
        path: name and certificate of each CA, the one that issues first, the self-signed root last.
        now: UTC seconds.

    Raises:
        Misconfigured: says which certificate is wrong, and how.
    """
    for levels_below, (name, certificate) in reversed(list(enumerate(path))):
        _prove_ca(certificate, name, now=now, levels_below=levels_below)
    for (name, certificate), (parent_name, parent) in pairwise(path):
        _prove_issued(certificate, parent, f"the certificate of the CA {name} was not issued by the CA {parent_name}")
        parent_key = _extension(parent, x509.SubjectKeyIdentifier, parent_name).digest
        if _extension(certificate, x509.AuthorityKeyIdentifier, name).key_identifier != parent_key:
            raise Misconfigured(f"the certificate of the CA {name} names another key of its issuer than the CA's")
    root_name, root = path[-1]
    _prove_issued(root, root, f"the certificate of the CA {root_name} is not self-signed")


def prove_key(issuer: IssuerCertificate, public_key: PublicKeyTypes) -> None:
    """Prove that a CA's key is the one in its certificate.

    Raises:
        Misconfigured: it is another.
    """
    if keys.spki_der(issuer.certificate.public_key()) != keys.spki_der(public_key):
        raise Misconfigured(f"the key of the CA {issuer.name} is not that of its certificate; restore the pair")


def has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether a certificate bears an issuer's name and the signature of its key; whether it may issue is not asked."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _prove_ca(certificate: x509.Certificate, name: str, *, now: int, levels_below: int) -> None:
    constraints = _extension(certificate, x509.BasicConstraints, name)
    usage = _extension(certificate, x509.KeyUsage, name)
    if not (constraints.ca and usage.key_cert_sign and usage.crl_sign):
        raise Misconfigured(f"the certificate of the CA {name} is not that of a CA for certificates and CRLs")
    if constraints.path_length is not None and constraints.path_length < levels_below:
        raise Misconfigured(f"the certificate of the CA {name} allows too few CAs below it (pathLenConstraint)")
    if now < certificate.not_valid_before_utc.timestamp():
        raise Misconfigured(f"the certificate of the CA {name} is not valid yet; check the clock")
    if now > certificate.not_valid_after_utc.timestamp():
        raise Misconfigured(f"the certificate of the CA {name} has expired; rotate the authority")


def _prove_issued(certificate: x509.Certificate, issuer: x509.Certificate, otherwise: str) -> None:
    if not has_issued(issuer, certificate):
        raise Misconfigured(otherwise)


def _extension(certificate: x509.Certificate, kind: type[_Extension], name: str) -> _Extension:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise Misconfigured(f"the certificate of the CA {name} has no readable {kind.__name__}") from None

"""The CAs of manufacturers that EST labels trust: files of certificates in PEM."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.errors import Misconfigured
from protocols.est.labels import Label

Manufacturers = Mapping[str, tuple[x509.Certificate, ...]]


def read(labels: Mapping[str, Label], home: Path) -> Manufacturers:
    """The CAs that each label trusts; labels that trust none are left out.

    Raises:
        Misconfigured: a file cannot be read, or holds what is no CA certificate; says which.
    """
    return {name: _cas(name, home / label.trust_anchors) for name, label in labels.items() if label.trust_anchors}


def require_foreign(manufacturers: Manufacturers, own: Iterable[x509.Certificate]) -> None:
    """Refuse our own CAs as manufacturers': what they have issued would prove devices after its revocation.

    Raises:
        Misconfigured: a label trusts one of ours.
    """
    ours = [certificate.public_key() for certificate in own]
    for label, cas in manufacturers.items():
        for ca in cas:
            if ca.public_key() in ours:
                raise Misconfigured(
                    f"est.labels.{label}.trust_anchors holds a CA of this home; what it issues is trusted already:"
                    " take it out"
                )


def in_pem(manufacturers: Manufacturers) -> str:
    """All of them, for the handshake; empty where there are none."""
    found = {ca.public_bytes(Encoding.PEM) for cas in manufacturers.values() for ca in cas}
    return b"".join(sorted(found)).decode()


def _cas(label: str, path: Path) -> tuple[x509.Certificate, ...]:
    key = f"est.labels.{label}.trust_anchors"
    try:
        cas = tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except OSError as error:
        raise Misconfigured(f"{key}: cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise Misconfigured(f"{key}: {path} holds no certificates in PEM") from None
    for ca in cas:
        if not _is_ca(ca):
            raise Misconfigured(
                f"{key}: {ca.subject.rfc4514_string()} in {path} is no CA; put the CAs of the maker there, the root"
                " and those that issue, and no device's certificate"
            )
    return cas


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        return False

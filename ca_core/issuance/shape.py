"""The shape of a certificate: all of it that a linter's verdict depends on, without the values in it."""

from __future__ import annotations

from typing import NamedTuple

from ca_core.issuance.extensions import Kinds
from ca_core.issuance.lint import Reading
from ca_core.names import Identifier, Kind
from ca_core.policy import subject
from ca_core.policy.profile import Profile


class Shape(NamedTuple):
    """Certificates of one shape differ in serial, dates, key and what names say, each of which `lint.lint` checks.

    Attributes:
        profile: as it is set now; a changed setting is another shape.
        issuer_der: the CA's subject.
        algorithm: AlgorithmIdentifier of the signature, in DER.
        key: OID of the key's algorithm, and the octets of its SubjectPublicKeyInfo, which tell its size or curve.
        extensions: OID and criticality of each, in order.
        name_kinds: of the names in the subjectAltName.
        subject: OID of each attribute, in order.
    """

    profile: Profile
    issuer_der: bytes
    algorithm: bytes
    key: tuple[str, int]
    extensions: Kinds
    name_kinds: frozenset[Kind]
    subject: tuple[str, ...]


def shape_of(
    read: Reading,
    *,
    profile: Profile,
    issuer_der: bytes,
    algorithm: bytes,
    names: frozenset[Identifier],
    spki: bytes,
) -> Shape:
    """Take the shape of a certificate; who signed it does not matter."""
    return Shape(
        profile=profile,
        issuer_der=issuer_der,
        algorithm=algorithm,
        key=(read.certificate.public_key_algorithm_oid.dotted_string, len(spki)),
        extensions=read.extensions,
        name_kinds=frozenset(name.kind for name in names),
        subject=subject.attribute_types(read.subject_der),
    )

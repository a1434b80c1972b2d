"""Proofs that the sender of a full PKI request knows a shared secret (RFC 5272, 6.2 and 6.3.1)."""

from __future__ import annotations

import hmac

import msgspec
from cryptography.hazmat import asn1
from cryptography.x509.oid import ObjectIdentifier

from ca_core.registration.proof_keys import Digest, ProofKeys
from protocols.cmc.structures import SecretProof
from protocols.cms.algorithms import SHA256, parted
from protocols.cms.errors import UnknownAlgorithm

_NULL = b"\x05\x00"
_DIGESTS: dict[ObjectIdentifier, Digest] = {SHA256: "sha256", ObjectIdentifier("1.3.14.3.2.26"): "sha1"}
_MACS = {
    # RFC 3370, 3.1, and the name that PKCS #5 gives it.
    ObjectIdentifier("1.3.6.1.5.5.8.1.2"): "sha1",
    ObjectIdentifier("1.2.840.113549.2.7"): "sha1",
    ObjectIdentifier("1.2.840.113549.2.9"): "sha256",
    ObjectIdentifier("1.2.840.113549.2.10"): "sha384",
    ObjectIdentifier("1.2.840.113549.2.11"): "sha512",
}


class Witness(msgspec.Struct, frozen=True):
    """A MAC under a key that was made of a shared secret, still to be checked.

    Attributes:
        digest: what makes the key of the secret.
        mac: the digest under the HMAC, as `hmac` calls it.
    """

    digest: Digest
    mac: str
    witness: bytes

    def proves_identity(self, keys: ProofKeys, request_sequence: bytes) -> bool:
        """Whether who knows the secret made it for these requests; in constant time."""
        return self._holds(keys.of_identity(self.digest), request_sequence)

    def links(self, keys: ProofKeys, random: bytes) -> bool:
        """Whether who knows the secret made it for this random value; in constant time."""
        return self._holds(keys.of_link(self.digest), random)

    def _holds(self, key: bytes | None, message: bytes) -> bool:
        return key is not None and hmac.compare_digest(hmac.digest(key, message, self.mac), self.witness)


def read_first_version(value: bytes) -> Witness:
    """Read an IdentityProof or a POP Link Witness of the first version: SHA-1 and HMAC with SHA-1.

    Raises:
        ValueError: it is none.
    """
    return Witness("sha1", "sha1", asn1.decode_der(bytes, value))


def read_second_version(value: bytes) -> Witness:
    """Read an IdentityProofV2 or a POP Link Witness of version 2, in DER: they are written alike.

    Raises:
        UnknownAlgorithm: another digest than those of which the server keeps keys, or a MAC that is not known here.
        ValueError: it is none.
    """
    read = asn1.decode_der(SecretProof, value)
    digest, of_digest = parted(read.hash_algorithm)
    mac, of_mac = parted(read.mac_algorithm)
    if digest not in _DIGESTS or mac not in _MACS or {of_digest, of_mac} - {b"", _NULL}:
        raise UnknownAlgorithm(
            "prove the shared secret with the digest SHA-256 or SHA-1, and HMAC with SHA-1, SHA-256, SHA-384 or SHA-512"
        )
    return Witness(_DIGESTS[digest], _MACS[mac], read.witness)

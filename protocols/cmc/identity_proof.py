"""Proofs that the sender of a full PKI request knows a shared secret (RFC 5272, 6.2.1 and 6.2.3)."""

from __future__ import annotations

import hmac

import msgspec
from cryptography.hazmat import asn1
from cryptography.x509.oid import ObjectIdentifier

from protocols.cmc.structures import IdentityProofV2
from protocols.cms.algorithms import SHA256, digest_named, parted
from protocols.cms.errors import UnknownAlgorithm

_NULL = b"\x05\x00"
_MACS = {
    ObjectIdentifier("1.2.840.113549.2.9"): "sha256",
    ObjectIdentifier("1.2.840.113549.2.10"): "sha384",
    ObjectIdentifier("1.2.840.113549.2.11"): "sha512",
}


class IdentityProof(msgspec.Struct, frozen=True):
    """A proof, still to be checked.

    Attributes:
        mac: the digest under the HMAC, as `hmac` calls it.
    """

    mac: str
    witness: bytes

    def holds(self, key: bytes, request_sequence: bytes) -> bool:
        """Whether who knows the key made it for these requests; in constant time.

        Args:
            key: `ca_core.registration.credential.proof_key` of the secret and the account.
        """
        return hmac.compare_digest(hmac.digest(key, request_sequence, self.mac), self.witness)


def read_proof(value: bytes) -> IdentityProof:
    """Read an IdentityProofV2 in DER.

    Raises:
        UnknownAlgorithm: another digest than SHA-256, which is the one that the server keeps; or another MAC than
            HMAC with SHA-256, SHA-384 or SHA-512.
        ValueError: it is none.
    """
    read = asn1.decode_der(IdentityProofV2, value)
    mac, parameters = parted(read.mac_algorithm)
    if digest_named(read.hash_algorithm) != SHA256 or mac not in _MACS or parameters not in {b"", _NULL}:
        raise UnknownAlgorithm(
            "prove the shared secret with the digest SHA-256, and HMAC with SHA-256, SHA-384 or SHA-512"
        )
    return IdentityProof(_MACS[mac], read.witness)

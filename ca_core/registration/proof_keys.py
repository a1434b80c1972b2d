"""What is kept of an enrollment code so that its holder can prove to know it without showing it (RFC 5272, 6.2, 6.3).

They are plain digests, as the standard derives keys from secrets, and so they are sealed wherever they are stored.
SHA-1 is no weakness here: a code has 120 bits, and nobody gains by finding two codes with one digest.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Literal

import msgspec

from ca_core.secret import Secret

Digest = Literal["sha256", "sha1"]

_SHA256_OCTETS, _SHA1_OCTETS = 32, 20
_PACKED_OCTETS = 2 * (_SHA256_OCTETS + _SHA1_OCTETS)


class ProofKeys(msgspec.Struct, frozen=True):
    """The keys of the MACs that prove a code.

    Attributes:
        sha256, sha1: of code and account (RFC 5272, 6.2.3); None where the sheet is older than that key.
        sha256_alone, sha1_alone: of the code alone (RFC 5272, 6.3.1.1); None likewise.
    """

    sha256: bytes
    sha1: bytes | None = None
    sha256_alone: bytes | None = None
    sha1_alone: bytes | None = None

    def __repr__(self) -> str:
        """Nothing of them."""
        return "ProofKeys()"

    @property
    def packed(self) -> bytes:
        """As they are sealed."""
        return b"".join(key for key in (self.sha256, self.sha1, self.sha256_alone, self.sha1_alone) if key is not None)

    def of_identity(self, digest: Digest) -> bytes | None:
        """The key of proofs that are computed with the account beside the code."""
        return self.sha256 if digest == "sha256" else self.sha1

    def of_link(self, digest: Digest) -> bytes | None:
        """The key of witnesses that are computed with the code alone."""
        return self.sha256_alone if digest == "sha256" else self.sha1_alone


def proof_keys(code: Secret, account: str) -> ProofKeys:
    """The keys that belong to a code."""
    alone = code.reveal().encode()
    both = alone + account.encode()
    return ProofKeys(
        sha256=hashlib.sha256(both).digest(),
        sha1=hashlib.sha1(both, usedforsecurity=False).digest(),
        sha256_alone=hashlib.sha256(alone).digest(),
        sha1_alone=hashlib.sha1(alone, usedforsecurity=False).digest(),
    )


def keys_of_nobody() -> ProofKeys:
    """Keys that nothing was ever computed with, as long as anybody's."""
    return unpacked(secrets.token_bytes(_PACKED_OCTETS))


def unpacked(packed: bytes) -> ProofKeys:
    """What was sealed; of an older sheet the first key only."""
    if len(packed) < _PACKED_OCTETS:
        return ProofKeys(packed)
    sha256, rest = packed[:_SHA256_OCTETS], packed[_SHA256_OCTETS:]
    sha1, alone = rest[:_SHA1_OCTETS], rest[_SHA1_OCTETS:]
    return ProofKeys(sha256, sha1, alone[:_SHA256_OCTETS], alone[_SHA256_OCTETS:])

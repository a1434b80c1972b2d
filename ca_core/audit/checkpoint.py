"""Checkpoints: the journal's own key says which row was the last at a time.

A checkpoint is five lines of ASCII, and the signature (Ed25519, RFC 8032) covers the first four as they stand,
newlines included, so that `openssl pkeyutl -verify -rawin` can check one::

    soapstone journal checkpoint 1
    position 1234
    hash 5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef
    at 1900000000
    signature 0a1b...
"""

from __future__ import annotations

import hashlib
import re

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SEED_OCTETS = 32
_TITLE = "soapstone journal checkpoint 1"
_TEXT = re.compile(
    re.escape(_TITLE) + r"\nposition ([1-9][0-9]{0,17})\nhash ([0-9a-f]{64})\nat (0|[1-9][0-9]{0,17})"
    r"\nsignature ([0-9a-f]{128})\n"
)


class Checkpoint(msgspec.Struct, frozen=True):
    """The word of the journal's key for every row up to a position.

    Attributes:
        position: of the row that was the last.
        hash: of that row, 64 lower-case hex digits.
        at: when it was signed, UTC seconds.
        signature: 128 lower-case hex digits.
    """

    position: int
    hash: str
    at: int
    signature: str

    @property
    def text(self) -> str:
        """As it stands in a file."""
        return f"{_signed_text(self.position, self.hash, self.at)}signature {self.signature}\n"


class JournalKey:
    """The key that signs checkpoints, and nothing else.

    Args:
        seed: 32 octets (RFC 8032, 5.1.5).
    """

    def __init__(self, seed: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = PublicKey(self._private.public_key())

    def __repr__(self) -> str:
        """Say nothing."""
        return "JournalKey(...)"

    def sign(self, position: int, row_hash: str, *, at: int) -> Checkpoint:
        """Vouch for a row and all before it."""
        signature = self._private.sign(_signed_text(position, row_hash, at).encode())
        return Checkpoint(position, row_hash, at, signature.hex())


class PublicKey:
    """What an auditor notes: it proves checkpoints."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    @property
    def pem(self) -> str:
        """As `openssl pkey -pubin` reads it."""
        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the SubjectPublicKeyInfo, 64 hex digits."""
        return hashlib.sha256(self._key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()

    def vouches_for(self, checkpoint: Checkpoint) -> bool:
        """Whether this key signed a checkpoint, which may come from a damaged store and hold anything."""
        try:
            signature = bytes.fromhex(checkpoint.signature)
            signed = _signed_text(checkpoint.position, checkpoint.hash, checkpoint.at).encode()
            self._key.verify(signature, signed)
        except (InvalidSignature, ValueError, TypeError):
            return False
        # One spelling only: a signature in capitals was written by somebody else.
        return signature.hex() == checkpoint.signature


def read(text: str) -> Checkpoint | None:
    """Read the five lines; None when they are not exactly as they would be written."""
    match = _TEXT.fullmatch(text)
    return Checkpoint(int(match[1]), match[2], int(match[3]), match[4]) if match else None


def _signed_text(position: int, row_hash: str, at: int) -> str:
    return f"{_TITLE}\nposition {position}\nhash {row_hash}\nat {at}\n"

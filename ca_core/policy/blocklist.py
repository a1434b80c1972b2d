"""Keys that somebody else is known to hold: leaked, published in firmware, taken in a breach."""

from __future__ import annotations

from bisect import bisect_left

import msgspec

from ca_core.errors import Misconfigured

MAX_OCTETS = 64 * 1024 * 1024
"""Of the file: about a million keys, which are 32 MB in memory."""

_DIGEST_OCTETS = 32
_COMMENT = b"#"


class Blocklist(msgspec.Struct, frozen=True):
    """A set of keys by the SHA-256 of their SubjectPublicKeyInfo.

    Attributes:
        digests: 32 octets each, sorted and joined: a third of the memory that a set of them takes.
    """

    digests: bytes = b""

    def __len__(self) -> int:
        """How many keys are blocked."""
        return len(self.digests) // _DIGEST_OCTETS

    def __contains__(self, spki_sha256: bytes) -> bool:
        """Whether the key with this digest is blocked."""
        place = bisect_left(range(len(self)), spki_sha256, key=self._digest)
        return place < len(self) and self._digest(place) == spki_sha256

    def _digest(self, place: int) -> bytes:
        return self.digests[place * _DIGEST_OCTETS : (place + 1) * _DIGEST_OCTETS]


NOTHING_BLOCKED = Blocklist()


def parse(content: bytes, name: str) -> Blocklist:
    """Read a list: a digest in hex on each line; `#` begins a comment, and empty lines mean nothing.

    Args:
        name: of the file, for the refusal.

    Raises:
        Misconfigured: too long, or names the line that is no digest.
    """
    if len(content) > MAX_OCTETS:
        raise Misconfigured(f"{name} has more than {MAX_OCTETS} octets; block fewer keys")
    digests = set()
    for number, line in enumerate(content.splitlines(), 1):
        if text := line.partition(_COMMENT)[0].strip():
            digests.add(_digest(text, f"{name}, line {number}"))
    return Blocklist(b"".join(sorted(digests)))


def _digest(text: bytes, place: str) -> bytes:
    try:
        # Spaces between digits would be taken, and then the length does not fit.
        digest = bytes.fromhex(text.decode("ascii")) if len(text) == 2 * _DIGEST_OCTETS else b""
    except ValueError:
        digest = b""
    if len(digest) != _DIGEST_OCTETS:
        raise Misconfigured(f"{place}: must be the SHA-256 of a SubjectPublicKeyInfo, 64 hex digits, or a comment")
    return digest

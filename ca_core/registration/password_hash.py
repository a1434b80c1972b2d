"""The slow hash of a password as it is stored: argon2id (RFC 9106), with what it took to make it.

Beside the hash stand its cost and its salt, in the text form that every implementation of argon2 reads. The pepper
is in none of it: what is hashed is a MAC of the password under a key that is not in the database.
"""

from __future__ import annotations

import base64
import re
import secrets

import msgspec
from argon2.low_level import ARGON2_VERSION, Type, hash_secret_raw

from ca_core.errors import Damaged

SALT_OCTETS = 16
DIGEST_OCTETS = 32
_MOST_MEMORY_KIB = 1 << 22
_MOST_PASSES = 1 << 10
_WRITTEN = re.compile(
    rb"\$argon2id\$v=19\$m=([1-9]\d{0,6}),t=([1-9]\d{0,3}),p=([1-9])\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})"
)


class Cost(msgspec.Struct, frozen=True):
    """What one hash takes: the least that OWASP asks for is the default, about 20 ms of one core.

    Attributes:
        memory_kib: of memory, in KiB.
        passes: over it.
        lanes: that are filled one after the other.
    """

    memory_kib: int = 19_456
    passes: int = 2
    lanes: int = 1


class Record(msgspec.Struct, frozen=True):
    """One stored hash."""

    cost: Cost
    salt: bytes
    digest: bytes

    @property
    def written(self) -> bytes:
        """As it is stored."""
        cost = self.cost
        limits = f"m={cost.memory_kib},t={cost.passes},p={cost.lanes}"
        return f"$argon2id$v={ARGON2_VERSION}${limits}${_text(self.salt)}${_text(self.digest)}".encode()


def read(written: bytes) -> Record:
    """A hash as it was stored.

    Raises:
        Damaged: it is none, or one whose cost nobody would have chosen.
    """
    found = _WRITTEN.fullmatch(written)
    if found is None:
        raise Damaged("the stored hash of a password cannot be read; restore the database from your newest backup")
    memory_kib, passes, lanes = (int(number) for number in found.groups()[:3])
    if memory_kib > _MOST_MEMORY_KIB or passes > _MOST_PASSES or memory_kib < 8 * lanes:
        raise Damaged("the stored hash of a password costs what nobody has chosen; restore your newest backup")
    return Record(Cost(memory_kib, passes, lanes), _octets(found[4]), _octets(found[5]))


def stretched(peppered: bytes, cost: Cost, salt: bytes) -> bytes:
    """Do the work, in a thread: 32 octets that only this password makes with this salt."""
    return hash_secret_raw(
        peppered, salt, cost.passes, cost.memory_kib, cost.lanes, hash_len=DIGEST_OCTETS, type=Type.ID
    )


def new_salt() -> bytes:
    """A salt, for one hash only."""
    return secrets.token_bytes(SALT_OCTETS)


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).rstrip(b"=").decode()


def _octets(text: bytes) -> bytes:
    return base64.b64decode(text + b"=" * (-len(text) % 4))

"""Passkeys: keys in somebody's telephone, computer or token that open a session (Web Authentication)."""

from __future__ import annotations

import msgspec

LONGEST_LABEL = 64
LONGEST_ID = 1023
"""Octets of an identifier (Web Authentication, 4)."""
MOST = 20
"""Of one registration."""


class Passkey(msgspec.Struct, frozen=True):
    """One passkey as it is stored.

    Attributes:
        credential_id: by which the browser finds it.
        label: what its holder calls it.
        public_key: as COSE writes it (RFC 9052).
        sign_count: how often it has signed, as it says itself; one that is copied between devices says 0 for ever.
        is_synced: whether it is copied between devices.
        created_at, used_at: UTC seconds; None while it was never used.
    """

    credential_id: bytes
    registration_id: str
    label: str
    public_key: bytes
    sign_count: int
    is_synced: bool
    created_at: int
    used_at: int | None = None

    @property
    def name(self) -> str:
        """The beginning of its identifier, as the journal writes it."""
        return self.credential_id[:8].hex()

    def is_copied(self, sign_count: int) -> bool:
        """Whether an answer with this count came from another copy of a key that counts (Web Authentication, 7.2)."""
        return (sign_count > 0 or self.sign_count > 0) and sign_count <= self.sign_count

"""What a pending answer hands out, and a query brings back (RFC 5272, 6.8).

They are no secrets: what they name is told only to the registration that it belongs to.
"""

from __future__ import annotations

import msgspec

from ca_core.errors import NotFound
from ca_core.identity import SERIAL_OCTETS

_NUMBER_OCTETS = 8


class WaitingRequest(msgspec.Struct, frozen=True):
    """A certificate that an officer must look at first, by the number of its request."""

    number: int

    @property
    def token(self) -> bytes:
        """As it is handed out."""
        return b"e" + self.number.to_bytes(_NUMBER_OCTETS, "big")


class WaitingRevocation(msgspec.Struct, frozen=True):
    """A revocation that an officer must look at first, by the certificate's serial as 40 hex digits."""

    serial: str

    @property
    def token(self) -> bytes:
        """As it is handed out."""
        return b"r" + bytes.fromhex(self.serial)


def read(token: bytes) -> WaitingRequest | WaitingRevocation:
    """What a token names.

    Raises:
        NotFound: it was not handed out here.
    """
    kind, value = token[:1], token[1:]
    if kind == b"e" and len(value) == _NUMBER_OCTETS:
        return WaitingRequest(int.from_bytes(value, "big"))
    if kind == b"r" and len(value) == SERIAL_OCTETS:
        return WaitingRevocation(value.hex())
    raise NotFound("nothing of yours is pending under this token")

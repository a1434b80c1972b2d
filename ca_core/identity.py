"""Row identities: text that both databases spell alike, unguessable, and ordered by time so that indexes stay dense."""

from __future__ import annotations

import secrets

SERIAL_OCTETS = 20


def new_id(now: int) -> str:
    """Return 32 lower-case hex digits: 48 bits of UTC seconds, then 80 random bits."""
    return f"{now:012x}{secrets.token_hex(10)}"


def new_ordered_id(now: int, number: int) -> str:
    """Return an identity like `new_id`, in which a growing number orders what came in the same second."""
    return f"{now:012x}{number % (1 << 40):010x}{secrets.token_hex(5)}"


def new_serial() -> int:
    """Return a certificate serial: positive, 20 octets, 158 random bits (RFC 5280, 4.1.2.2; DESIGN, invariant 8).

    The two topmost bits are fixed: 0 keeps the INTEGER positive, 1 keeps it at 20 octets.
    """
    return (1 << 158) | secrets.randbits(158)


def serial_text(serial: int) -> str:
    """The one spelling of a serial in the store, on the command line and in URLs: 40 lower-case hex digits."""
    return f"{serial:040x}"

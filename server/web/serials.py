"""Serial numbers of certificates as people copy them."""

from __future__ import annotations

from ca_core.errors import NotFound
from ca_core.identity import serial_text

_MOST_DIGITS = 40


def typed(text: str) -> str:
    """A serial as it is stored, 40 hex digits: it may come with colons or blanks, and in upper case.

    Raises:
        NotFound: it is none; said as of one that nobody has.
    """
    digits = text.replace(":", "").replace(" ", "").lower()
    if not digits or len(digits) > _MOST_DIGITS or not set(digits) <= set("0123456789abcdef"):
        raise NotFound("there is no such certificate")
    return serial_text(int(digits, 16))

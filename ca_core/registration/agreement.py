"""The subscriber agreement: a text with a version, and who has accepted it when (RULES, S6 and S15)."""

from __future__ import annotations

import hashlib
import re

import msgspec

from ca_core.errors import Misconfigured

MAX_OCTETS = 1 << 20
PLAIN_TEXT = "text/plain"
HTML = "text/html"
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


class Acceptance(msgspec.Struct, frozen=True):
    """What a subscriber has accepted.

    Attributes:
        sha256: of the text that was accepted, 64 hex digits.
        at: UTC seconds.
    """

    version: str
    sha256: str
    at: int


class Agreement(msgspec.Struct, frozen=True):
    """One version of the agreement; a version has one text for ever.

    Attributes:
        version: also the last part of its URL.
        media_type: `PLAIN_TEXT` or `HTML`, in UTF-8.
        sha256: of the text, 64 hex digits.
    """

    version: str
    media_type: str
    text: bytes
    sha256: str

    def is_accepted(self, acceptance: Acceptance | None) -> bool:
        """Whether what was accepted last is this version with this text."""
        return acceptance is not None and (acceptance.version, acceptance.sha256) == (self.version, self.sha256)


def is_version(text: str) -> bool:
    """Whether a text may name a version: 1 to 32 letters, digits, `.`, `_` or `-`, a letter or digit first."""
    return _VERSION.fullmatch(text) is not None


def agreement(version: str, text: bytes, media_type: str, name: str) -> Agreement:
    """A version of the agreement.

    Args:
        name: of its file, for the refusal.

    Raises:
        Misconfigured: the text is empty, larger than `MAX_OCTETS`, or not UTF-8.
    """
    if not text.strip() or len(text) > MAX_OCTETS:
        raise Misconfigured(f"{name} must hold 1 to {MAX_OCTETS} octets of text")
    try:
        text.decode()
    except UnicodeDecodeError:
        raise Misconfigured(f"{name} must be text in UTF-8") from None
    return Agreement(version, media_type, text, hashlib.sha256(text).hexdigest())

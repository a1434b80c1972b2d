"""Nonces that were used: what stops a request from being carried out twice (RFC 5272, 6.6)."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256

from protocols.cmc.errors import Replayed

FRESH_SECONDS = 3600
"""How far from now a request may say that it was signed."""
REMEMBERED_SECONDS = 2 * FRESH_SECONDS
MOST_REMEMBERED = 100_000


def digest_of(content: bytes) -> bytes:
    """What stands for a nonce where there is none: a digest of what was asked."""
    return sha256(content).digest()


class UsedNonces:
    """Remembers nonces by sender, for two hours and at most 100,000 of them; the oldest are forgotten first.

    Only what is proved comes in, so that nobody can wash out another's with invented ones.
    """

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._used: OrderedDict[tuple[str, bytes], int] = OrderedDict()

    def use(self, sender: str, nonce: bytes, *, now: int) -> None:
        """Use a nonce.

        Args:
            sender: the registration.
            now: UTC seconds.

        Raises:
            Replayed: it was used before.
        """
        if not self._is_new(sender, nonce, now):
            raise Replayed

    def use_content(self, sender: str, content: bytes, *, now: int) -> None:
        """Let what was asked stand for the nonce and the time that are missing.

        Not the message: who has read it can write it otherwise under the same signature, by what is not signed.

        Args:
            content: of the signed message.

        Raises:
            Replayed: the same was asked before.
        """
        if not self._is_new(sender, digest_of(content), now):
            raise Replayed(has_nonce=False)

    def _is_new(self, sender: str, nonce: bytes, now: int) -> bool:
        while self._used and self._is_old(now):
            self._used.popitem(last=False)
        if (sender, nonce) in self._used:
            return False
        if len(self._used) >= self._most:
            self._used.popitem(last=False)
        self._used[sender, nonce] = now
        return True

    def _is_old(self, now: int) -> bool:
        return next(iter(self._used.values())) + REMEMBERED_SECONDS < now

"""Anti-replay nonces: issued without a write, spent once (RFC 8555, 6.5; DESIGN, invariant 7)."""

from __future__ import annotations

import hashlib
import hmac
from typing import NamedTuple

from ca_core.errors import BadRequest
from protocols.acme.errors import BadNonce
from protocols.encoding import base64url, from_base64url

RANDOM_OCTETS = 12
_TIME_OCTETS = 4
_BODY_OCTETS = _TIME_OCTETS + RANDOM_OCTETS
_MAC_OCTETS = 16
LIFETIME_SECONDS = 1800


class Nonce(NamedTuple):
    """One that is ours and of an age to be spent; nobody has said yet that it was not spent before.

    Attributes:
        issued_at: UTC seconds, by the clock of who issued it.
        mark: 16 octets that stand for it alone.
    """

    issued_at: int
    mark: bytes


class Mint:
    """Makes nonces, and knows its own again: time, random octets and a MAC over both.

    Args:
        key: 16 to 64 random octets.
        lifetime_seconds: how long a nonce can be spent.
        skew_seconds: how far the clock of another server that mints with this key may be ahead.
    """

    def __init__(self, key: bytes, lifetime_seconds: int = LIFETIME_SECONDS, *, skew_seconds: int = 0) -> None:
        self._key = key
        self._lifetime_seconds = lifetime_seconds
        self._skew_seconds = skew_seconds

    def issue(self, now: int, random12: bytes) -> str:
        """Make a nonce of 43 characters from the time in UTC seconds and 12 fresh random octets."""
        if len(random12) != RANDOM_OCTETS:
            raise ValueError("a nonce takes 12 random octets")
        body = now.to_bytes(_TIME_OCTETS, "big") + random12
        return base64url(body + self._mac(body))

    def read(self, nonce: str | None, now: int) -> Nonce:
        """Know one again.

        Raises:
            BadNonce: absent, forged, of another key, too old, or from the future.
        """
        if nonce is None:
            raise BadNonce("the protected header has no nonce; use the one in this answer")
        try:
            octets = from_base64url(nonce)
        except BadRequest:
            raise BadNonce from None
        body, mac = octets[:_BODY_OCTETS], octets[_BODY_OCTETS:]
        if not hmac.compare_digest(mac, self._mac(body)):
            raise BadNonce
        issued_at = int.from_bytes(body[:_TIME_OCTETS], "big")
        if not -self._skew_seconds <= now - issued_at <= self._lifetime_seconds:
            raise BadNonce
        return Nonce(issued_at, mac)

    def _mac(self, body: bytes) -> bytes:
        # BLAKE2 takes a key and is a MAC then (RFC 7693): one call, where HMAC is several objects each time.
        return hashlib.blake2b(body, digest_size=_MAC_OCTETS, key=self._key).digest()


class Nonces:
    """Issues nonces and accepts each once, for one process.

    An outstanding nonce costs no memory. The marks of the spent ones live in this object, in two generations of a
    lifetime each: when the younger comes of age, the elder is dropped whole, and by then all of its nonces are too
    old to be accepted. Processes that share one state keep the marks in their database instead (`shared_nonces`);
    this class knows of no other process.

    Args:
        key: 16 to 64 random octets, drawn at the start of the process and kept nowhere, so that a restart,
            which forgets the marks, voids every nonce as well.
        lifetime_seconds: how long a nonce can be spent.
    """

    def __init__(self, key: bytes, lifetime_seconds: int = LIFETIME_SECONDS) -> None:
        self._key = key
        self._lifetime_seconds = lifetime_seconds
        self._mint = Mint(key, lifetime_seconds)
        self._younger: set[bytes] = set()
        self._elder: set[bytes] = set()
        self._opened_at = 0

    def issue(self, now: int, random12: bytes) -> str:
        """Make a nonce of 43 characters from the time in UTC seconds and 12 fresh random octets."""
        self._turn(now)
        return self._mint.issue(now, random12)

    def spend(self, nonce: str | None, now: int) -> None:
        """Accept a nonce, once. Call it after the signature was verified, so that nobody burns another's.

        Without a wait inside, so that of any number of requests with one nonce exactly one passes.

        Raises:
            BadNonce: absent, forged, from before a restart, too old, from the future, or spent.
        """
        self._turn(now)
        mark = self._mint.read(nonce, now).mark
        if mark in self._younger or mark in self._elder:
            raise BadNonce
        self._younger.add(mark)

    def _turn(self, now: int) -> None:
        if now < self._opened_at:
            # The clock was set back, perhaps to a time whose marks are dropped already: start afresh under
            # another key, as a restart would.
            self._key = hmac.digest(self._key, b"the clock was set back", "sha256")
            self._mint = Mint(self._key, self._lifetime_seconds)
            self._younger, self._elder, self._opened_at = set(), set(), now
        elif now > self._opened_at + self._lifetime_seconds:
            self._younger, self._elder, self._opened_at = set(), self._younger, now

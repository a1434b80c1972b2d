"""A CA key in a token: used by a few threads, and found again by itself after the token was away.

A signature's way: `Threads` (bounded) -> `_Keyhole.sign` (one session a thread) -> `Library.calling`. A failure
leads to one restart of the library and a second try. When that fails too the key rests for a while, and every
request is told so at once instead of knocking at the token.
"""

from __future__ import annotations

import logging
import math
import secrets
import threading
import time
from collections.abc import Callable

from ca_core import der
from ca_core.errors import KeyUnavailable, Misconfigured
from ca_core.secret import Secret
from ca_core.signing import raw
from ca_core.signing.library import TokenAway
from ca_core.signing.raw import TokenKeyKind, TokenPublicKey
from ca_core.signing.token import OpenKey, Place
from ca_core.signing.uri import TokenUri
from ca_core.threads import Crowded, Threads

SESSIONS = 4
QUEUED = 256
TIMEOUT_SECONDS = 10.0
FIRST_REST_SECONDS, LONGEST_REST_SECONDS = 1, 30
_CHALLENGE_OCTETS = 32
_LOG = logging.getLogger("soapstone.token")
_CROWDED = Crowded(
    KeyUnavailable,
    full="too much is waiting for the CA's key; try again",
    slow="the CA's key does not answer in time; try again",
)

ReadPin = Callable[[], Secret | None]


class TokenKey:
    """A CA key in a token; this process has sessions and never the key."""

    __slots__ = ("_keyhole", "_threads", "algorithm", "public_key")

    def __init__(self, public_key: TokenPublicKey, keyhole: _Keyhole) -> None:
        self.public_key = public_key
        self.algorithm: bytes = der.signature_algorithm(public_key)
        self._keyhole = keyhole
        self._threads = Threads("token", most=SESSIONS, waiting=QUEUED, crowded=_CROWDED)

    def __repr__(self) -> str:
        """Say nothing."""
        return "TokenKey(...)"

    def require_ready(self) -> None:
        """Refuse while the key rests.

        Raises:
            KeyUnavailable: and for how long it does.
        """
        self._keyhole.require_awake()

    async def sign(self, tbs: bytes) -> bytes:
        """Sign as `algorithm` says.

        Raises:
            KeyUnavailable: the token is away, slow, or has too much to do.
        """
        return await self._threads.run(lambda: self._keyhole.sign(tbs), timeout_seconds=TIMEOUT_SECONDS)


def open_token_key(
    uri: TokenUri, pin: ReadPin, *, expected: object | None, seconds: Callable[[], float] = time.monotonic
) -> TokenKey:
    """Find a key and prove that it signs.

    Args:
        pin: reads the PIN, each time that the token is logged in to.
        expected: the public key in the CA's certificate. With it a token that is away is no error: the key
            comes back by itself. Without it the token has to tell the public key, now.
        seconds: a clock that never goes back.

    Raises:
        Misconfigured: library, token, PIN, key or its attributes are not in order; says which and what to do.
    """
    known = None if expected is None else raw.require_usable(expected)
    keyhole = _Keyhole(Place(uri, pin), known, seconds)
    try:
        public_key = keyhole.open()
    except TokenAway as away:
        if known is None:
            raise Misconfigured(f"the token of the key ({uri}) does not answer: {away}; connect it") from None
        keyhole.rest(str(away))
        public_key = known
    return TokenKey(public_key, keyhole)


def make_token_key(uri: TokenUri, pin: ReadPin, kind: TokenKeyKind) -> None:
    """Make a key pair in a token, unless there is a key where the URI points.

    Raises:
        Misconfigured: the token does not answer, or does not do it; says why.
    """
    place = Place(uri, pin)
    try:
        place.library.restart(place.library.generation)
        with place.library.calling():
            place.make(kind)
    except TokenAway as away:
        raise Misconfigured(f"the token makes no key ({uri}): {away}; check it, and its space") from None


class _Mine(threading.local):
    """What a thread has opened, and in which generation of the library."""

    opened: OpenKey
    generation = -1


class _Keyhole:
    """Signs with one key from several threads."""

    def __init__(self, place: Place, public_key: TokenPublicKey | None, seconds: Callable[[], float]) -> None:
        self._place = place
        self._library = place.library
        self._public_key = public_key
        self._seconds = seconds
        self._mine = _Mine()
        self._lock = threading.Lock()
        self._failures = 0
        self._rests_until = -math.inf

    def open(self) -> TokenPublicKey:
        """Open the key for the first time.

        Raises:
            TokenAway, Misconfigured: as `Place.open`.
        """
        seen = self._library.generation
        try:
            opened = self._first()
        except TokenAway:
            # A token that came after the library was initialized is seen by a fresh one only.
            self._library.restart(seen)
            opened = self._first()
        self._public_key = opened.public_key
        if opened.was_imported:
            _LOG.warning("event=token-key-was-imported key=%r", str(self._place.uri))
        return opened.public_key

    def _first(self) -> OpenKey:
        with self._library.calling():
            return self._proven()

    def sign(self, tbs: bytes) -> bytes:
        """Sign, in a thread that may wait.

        Raises:
            KeyUnavailable: the token is away, and how long the key rests.
        """
        self.require_awake()
        seen = self._library.generation
        try:
            signature = self._signed(tbs)
        except (TokenAway, Misconfigured):
            # Of a token that is away a library may say anything, also that it has no such key.
            try:
                self._library.restart(seen)
                signature = self._signed(tbs)
            except (TokenAway, Misconfigured) as error:
                raise self.rest(str(error)) from None
        self._recover()
        return signature

    def rest(self, why: str) -> KeyUnavailable:
        """Leave the token alone for a while: a second, doubled each time, at most half a minute."""
        with self._lock:
            if self._rests_until <= self._seconds():
                seconds = min(LONGEST_REST_SECONDS, FIRST_REST_SECONDS << min(self._failures, 16))
                self._failures += 1
                self._rests_until = self._seconds() + seconds
                _LOG.error("event=token-away key=%r why=%r rests_seconds=%d", str(self._place.uri), why, seconds)
            return self._unavailable()

    def require_awake(self) -> None:
        """Tell who asks how long the key still rests.

        Raises:
            KeyUnavailable: it does.
        """
        with self._lock:
            if self._seconds() < self._rests_until:
                raise self._unavailable()

    def _unavailable(self) -> KeyUnavailable:
        rest_seconds = math.ceil(self._rests_until - self._seconds())
        return KeyUnavailable(
            "the CA's key cannot be used at the moment; the same request will work later",
            retry_after_seconds=rest_seconds,
        )

    def _recover(self) -> None:
        with self._lock:
            if self._failures:
                _LOG.warning("event=token-back key=%r failures=%d", str(self._place.uri), self._failures)
            self._failures = 0

    def _signed(self, tbs: bytes) -> bytes:
        with self._library.calling() as generation:
            # Handles of an earlier generation may mean something else in this one.
            if self._mine.generation != generation:
                self._mine.opened, self._mine.generation = self._proven(), generation
            opened: OpenKey = self._mine.opened
            return _signature(opened, tbs)

    def _proven(self) -> OpenKey:
        """Open the key in this thread, and prove that it is the one whose public key is known."""
        opened = self._place.open(self._public_key)
        # No DER begins like this: what is signed here is never a certificate.
        challenge = b"soapstone asks for proof of this key: " + secrets.token_bytes(_CHALLENGE_OCTETS)
        if not raw.is_signed(opened.public_key, _signature(opened, challenge), challenge):
            raise Misconfigured(f"the key in the token ({self._place.uri}) is not that of the CA's certificate")
        return opened


def _signature(opened: OpenKey, tbs: bytes) -> bytes:
    return raw.finished(opened.public_key, opened.sign(raw.prepared(opened.public_key, tbs)))

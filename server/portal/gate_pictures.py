"""Digits to be read or heard: a picture and a sound, named by what only this server can open."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Callable

import msgspec
from captcha.audio import AudioCaptcha
from captcha.image import ImageCaptcha
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ca_core.errors import Throttled
from ca_core.policy.buckets import Buckets, Rate, source_key
from ca_core.registration.credential import SecretKeeper
from ca_core.registration.errors import SignInsCrowded
from ca_core.threads import Crowded, Threads

DIGITS = 6
WIDTH, HEIGHT = 200, 70
_NONCE_OCTETS = 12
_TIME_OCTETS = 8
_LONGEST = 100
_WAITING = 20
_TIMEOUT_SECONDS = 10.0
_OF_A_SOURCE = Rate(burst=30, seconds_each=2)
"""A sound takes a seventh of a second of the interpreter, and whoever asks need not even have an account."""
_BUSY = "too many people sign in at this moment; try again in a moment"
_CROWDED = Crowded(SignInsCrowded, full=_BUSY, slow=_BUSY)


class Code(msgspec.Struct, frozen=True):
    """What a picture shows, and until when it may be typed, in UTC seconds."""

    digits: str
    ends_at: int

    def is_shown(self, typed: str) -> bool:
        """Whether somebody has read it right; full-width digits and blanks are as good."""
        read = "".join(str(int(one)) for one in typed if one.isdecimal())
        return hmac.compare_digest(read.encode(), self.digits.encode())

    def __repr__(self) -> str:
        """Without the digits."""
        return f"Code(ends_at={self.ends_at})"


class Codes:
    """Makes codes and their names, and draws and speaks them in a thread beside."""

    def __init__(self, keeper: SecretKeeper) -> None:
        self._sealing = AESGCM(keeper.key_from(b"soapstone gate picture"))
        self._drawing = Threads("pictures", most=1, waiting=_WAITING, crowded=_CROWDED)
        self._drawn = Buckets(_OF_A_SOURCE)
        self._images = ImageCaptcha(WIDTH, HEIGHT)
        self._sounds = AudioCaptcha()

    def new(self, ends_at: int) -> str:
        """The name of a new picture: its code, sealed.

        Args:
            ends_at: until when it may be answered, in UTC seconds.
        """
        digits = "".join(str(secrets.randbelow(10)) for _ in range(DIGITS))
        nonce = secrets.token_bytes(_NONCE_OCTETS)
        sealed = nonce + self._sealing.encrypt(nonce, ends_at.to_bytes(_TIME_OCTETS) + digits.encode(), None)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def read(self, name: str) -> Code | None:
        """What a picture shows; None where there is no such picture."""
        if not name.isascii() or len(name) > _LONGEST:
            return None
        try:
            sealed = base64.b64decode(name + "=" * (-len(name) % 4), altchars=b"-_", validate=True)
            if base64.urlsafe_b64encode(sealed).decode().rstrip("=") != name:
                # Another spelling of the same picture would be one more guess.
                return None
            opened = self._sealing.decrypt(sealed[:_NONCE_OCTETS], sealed[_NONCE_OCTETS:], None)
        except (InvalidTag, ValueError, binascii.Error):
            return None
        return Code(opened[_TIME_OCTETS:].decode(), int.from_bytes(opened[:_TIME_OCTETS]))

    async def picture(self, code: Code, *, source: str, now: int) -> bytes:
        """The code as PNG.

        Args:
            source: the textual IP address of whoever asks.
            now: UTC seconds.

        Raises:
            Throttled: too many were asked for from there.
            SignInsCrowded: no thread has time for it.
        """
        return await self._made(lambda: self._images.generate(code.digits).getvalue(), source, now)

    async def sound(self, code: Code, *, source: str, now: int) -> bytes:
        """The code as WAV, spoken in English.

        Args and raises as `picture` says.
        """
        return await self._made(lambda: bytes(self._sounds.generate(code.digits)), source, now)

    async def _made(self, make: Callable[[], bytes], source: str, now: int) -> bytes:
        wait = self._drawn.take(source_key(source), now=now)
        if wait:
            raise Throttled("too many pictures and sounds for this address; try again", retry_after_seconds=wait)
        return await self._drawing.run(make, timeout_seconds=_TIMEOUT_SECONDS)

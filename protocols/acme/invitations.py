"""Links by which whoever holds an account accepts the subscriber agreement in a browser (RFC 8555, 7.3.3).

A link is told to the account only, in the answer to a request that it signed, and is good for one account, one text and
a few days. Nothing is stored: it carries the account, its own end, and a MAC over both and the text.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from ca_core.errors import BadRequest, NotFound
from protocols.encoding import base64url, from_base64url

LIFETIME_SECONDS = 14 * 86_400
_ACCOUNT_OCTETS = 16
_TIME_OCTETS = 5
_BODY_OCTETS = _ACCOUNT_OCTETS + _TIME_OCTETS
_MAC_OCTETS = 16
_PURPOSE = b"acme agreement"


class Invitations:
    """Writes and reads them.

    Args:
        mac: a keyed MAC of at least 16 octets, the same in every process of this server.
    """

    def __init__(self, mac: Callable[[bytes], bytes]) -> None:
        self._mac = mac

    def issue(self, account_id: str, sha256: str, *, now: int) -> str:
        """A token of 50 characters for one account and the text with this digest.

        Args:
            account_id: 32 hex digits.
            sha256: of the agreement's text, hex.
        """
        body = bytes.fromhex(account_id) + (now + LIFETIME_SECONDS).to_bytes(_TIME_OCTETS, "big")
        return base64url(body + self._proof(body, sha256))

    def read(self, token: str, sha256: str, *, now: int) -> str:
        """The account that a token was made for.

        Raises:
            NotFound: forged, for another text, or too old.
        """
        try:
            octets = from_base64url(token)
        except BadRequest:
            raise _gone() from None
        body, proof = octets[:_BODY_OCTETS], octets[_BODY_OCTETS:]
        if not hmac.compare_digest(proof, self._proof(body, sha256)):
            raise _gone()
        if now > int.from_bytes(body[_ACCOUNT_OCTETS:], "big"):
            raise _gone()
        return body[:_ACCOUNT_OCTETS].hex()

    def _proof(self, body: bytes, sha256: str) -> bytes:
        return self._mac(_PURPOSE + body + bytes.fromhex(sha256))[:_MAC_OCTETS]


def _gone() -> NotFound:
    return NotFound("this link is not good any more; run your ACME client again, its refusal names a new one")

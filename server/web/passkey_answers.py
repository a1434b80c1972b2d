"""What passkeys answer: read, and proved to be right (Web Authentication, level 2, 7.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from webauthn import verify_authentication_response
from webauthn.helpers import parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import AuthenticationCredential

from ca_core.errors import BadRequest, TooLarge
from ca_core.registration.errors import PasskeyRefused
from ca_core.registration.passkey import Passkey

MOST_OCTETS = 1 << 16
"""Of what a browser answers."""
# Octets that somebody chooses are taken apart by several decoders, each with errors of its own.
UNREADABLE = (
    *(WebAuthnException, ValueError, LookupError, TypeError, AttributeError),
    *(EOFError, ArithmeticError, RecursionError),
)
WRONG = "the passkey's answer is not right; try again"
COPIED = (
    "this passkey has been used elsewhere since, as a copy of it would be; remove it and tell your registration"
    " authority"
)
T = TypeVar("T")


class CopiedPasskey(Exception):
    """An answer is right, and another copy of the key has signed since."""


def proved(passkey: Passkey, credential: AuthenticationCredential, challenge: bytes, *, origin: str) -> int:
    """How often a passkey has signed, as its right answer to a challenge says.

    Raises:
        PasskeyRefused: the answer is not right.
        CopiedPasskey: it is, and its count is not.
    """
    try:
        verified = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=urlsplit(origin).hostname or "",
            expected_origin=origin,
            credential_public_key=passkey.public_key,
            # The count is looked at below, to tell a copied key from a wrong answer.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except UNREADABLE:
        raise PasskeyRefused(WRONG) from None
    if passkey.is_copied(verified.new_sign_count):
        raise CopiedPasskey
    return verified.new_sign_count


def read_answer(answer: bytes) -> AuthenticationCredential:
    """What a passkey has signed.

    Raises:
        BadRequest, TooLarge: it cannot be read.
    """
    return read(answer, parse_authentication_credential_json)


def read(answer: bytes, parse: Callable[[str], T]) -> T:
    if len(answer) > MOST_OCTETS:
        raise TooLarge(f"a passkey's answer has at most {MOST_OCTETS} octets")
    try:
        return parse(answer.decode())
    except UNREADABLE:
        raise BadRequest("the passkey's answer cannot be read; try again") from None

"""Problem documents of the RA's API (RFC 9457)."""

from __future__ import annotations

import msgspec

from ca_core.errors import Refusal
from protocols.wire import Reply
from server import answers

MEDIA_TYPE = "application/problem+json"

# RFC 9110, 15.5.2 wants one with every 401; RFC 6750, 3 says how it reads.
_CHALLENGE = ("WWW-Authenticate", 'Bearer realm="soapstone API"')
_UNAUTHORIZED = 401


class Problem(msgspec.Struct, frozen=True):
    """What is said of a request that came to nothing.

    Attributes:
        type: a URN by which programs know it; its words are in `server.answers`.
        title: the same in words.
        detail: one sentence about this request.
    """

    type: str
    title: str
    status: int
    detail: str


def reply(refusal: Refusal) -> Reply:
    """The answer for a refusal."""
    status, word = answers.TABLE[type(refusal)]
    return problem(status, word, str(refusal), *answers.headers(refusal))


def problem(status: int, word: str, detail: str, *headers: tuple[str, str]) -> Reply:
    """An answer with a problem document.

    Args:
        word: such as `not-found`.
    """
    document = Problem(f"urn:soapstone:problem:{word}", word.replace("-", " "), status, detail)
    challenge = (_CHALLENGE,) if status == _UNAUTHORIZED else ()
    return Reply(
        status,
        (("Content-Type", MEDIA_TYPE), ("Cache-Control", "no-store"), *challenge, *headers),
        msgspec.json.encode(document),
    )

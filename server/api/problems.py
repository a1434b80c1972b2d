"""Problem documents of the RA's API (RFC 9457)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ca_core.errors import BadForm, FieldFault, Refusal
from protocols.wire import Reply
from server import answers

MEDIA_TYPE = "application/problem+json"

# RFC 9110, 15.5.2 wants one with every 401; RFC 6750, 3 says how it reads.
_CHALLENGE = ("WWW-Authenticate", 'Bearer realm="soapstone API"')
_UNAUTHORIZED = 401


class WrongField(msgspec.Struct, frozen=True):
    """What is wrong with one field of what was sent.

    Attributes:
        field: its path, such as `contact.email` or `names[2].value`.
        why: to be read behind the field's name.
    """

    field: str
    why: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is said of a request that came to nothing.

    Attributes:
        type: a URN by which programs know it; it ends with a word such as `not-found`.
        title: the same in words.
        detail: one sentence about this request.
        errors: every wrong field, where fields are at fault.
    """

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[WrongField, ...] = ()


class Fault(Exception):
    """What HTTP has against a request, before anybody at the registration authority is asked.

    Args:
        word: such as `not-acceptable`.
        headers: those that belong to the answer.
        errors: every wrong field, where fields are at fault.
    """

    def __init__(
        self,
        status: int,
        word: str,
        detail: str,
        *,
        headers: tuple[tuple[str, str], ...] = (),
        errors: Sequence[FieldFault] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.word = word
        self.headers = headers
        self.errors = tuple(errors)

    @property
    def reply(self) -> Reply:
        """The answer for it."""
        return problem(self.status, self.word, str(self), *self.headers, errors=self.errors)


def reply(refusal: Refusal) -> Reply:
    """The answer for a refusal."""
    status, word = answers.TABLE[type(refusal)]
    errors = refusal.faults if isinstance(refusal, BadForm) else ()
    return problem(status, word, str(refusal), *answers.headers(refusal), errors=errors)


def problem(status: int, word: str, detail: str, *headers: tuple[str, str], errors: Sequence[FieldFault] = ()) -> Reply:
    """An answer with a problem document.

    Args:
        word: such as `not-found`.
    """
    document = Problem(
        f"urn:soapstone:problem:{word}",
        word.replace("-", " "),
        status,
        detail,
        tuple(WrongField(fault.field, fault.why) for fault in errors),
    )
    challenge = (_CHALLENGE,) if status == _UNAUTHORIZED else ()
    return Reply(
        status,
        (("Content-Type", MEDIA_TYPE), ("Cache-Control", "no-store"), *challenge, *headers),
        msgspec.json.encode(document),
    )

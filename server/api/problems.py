"""Problem documents of the RA's API (RFC 9457)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ca_core.errors import BadForm, FieldFault, Refusal
from protocols import help_address
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


def reply(refusal: Refusal, base: str) -> Reply:
    """The answer for a refusal.

    Args:
        base: of the pages that help, such as `https://ca.example:8443`: the public listener's.
    """
    status, word = answers.TABLE[type(refusal)]
    errors = refusal.faults if isinstance(refusal, BadForm) else ()
    return said(Fault(status, word, str(refusal), headers=answers.headers(refusal), errors=errors), base)


def said(fault: Fault, base: str) -> Reply:
    """The answer for what HTTP has against a request: a problem document, and where a page says what to do.

    Args:
        base: as of `reply`.
    """
    word, status = fault.word, fault.status
    document = Problem(
        f"urn:soapstone:problem:{word}",
        word.replace("-", " "),
        status,
        str(fault),
        tuple(WrongField(one.field, one.why) for one in fault.errors),
    )
    challenge = (_CHALLENGE,) if status == _UNAUTHORIZED else ()
    help_ = ("Link", f'<{base}{help_address.path(word)}>;rel="help"')
    return Reply(
        status,
        (("Content-Type", MEDIA_TYPE), ("Cache-Control", "no-store"), help_, *challenge, *fault.headers),
        msgspec.json.encode(document),
    )

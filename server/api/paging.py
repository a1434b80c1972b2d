"""Lists in pages: where the next one begins is said by the one before, and by nothing that can be reckoned."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, TypeAlias
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from ca_core.errors import BadRequest
from server.api.operation import ROOT

MOST_LINES = 200
USUAL_LINES = 50

After: TypeAlias = Annotated[
    str,
    Meta(max_length=1600, pattern="^[A-Za-z0-9_-]*$", description="Where a page begins; the `next` of the one before."),
]
Limit: TypeAlias = Annotated[int, Meta(ge=1, le=MOST_LINES, description="How many lines a page has at most.")]

# No database has a larger one.
_Number: TypeAlias = Annotated[int, Meta(ge=0, le=1 << 62)]
_NUMBERS = msgspec.json.Decoder(tuple[_Number, _Number])


def next_link(path: str, query: msgspec.Struct, more: str | None) -> str | None:
    """Where the next page of a list is; None behind the last one.

    Args:
        path: below `/api/v1`.
        query: of this page; all of it stays.
        more: its `after`.
    """
    if more is None:
        return None
    given = {name: value for name, value in msgspec.to_builtins(query).items() if value is not None}
    return f"{ROOT}{path}?{urlencode({**given, 'after': more})}"


def place_of(numbers: tuple[int, int]) -> str:
    """Two numbers that a list is in order by, as one `after`."""
    return base64.urlsafe_b64encode(msgspec.json.encode(numbers)).rstrip(b"=").decode()


def numbers_at(after: str | None) -> tuple[int, int]:
    """The numbers again; those before all others where nothing was given.

    Raises:
        BadRequest: no list has such a place.
    """
    if not after:
        return 0, 0
    try:
        return _NUMBERS.decode(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
    except (msgspec.DecodeError, binascii.Error, ValueError):
        raise BadRequest("there is no such place in this list; begin with its first page") from None

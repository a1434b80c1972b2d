"""Forms that carry files, as browsers send them (RFC 7578 over RFC 2046, 5.1)."""

from __future__ import annotations

import re
from typing import NamedTuple

from ca_core.errors import BadRequest

MEDIA_TYPE = "multipart/form-data"
_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"\\]{1,70})"|([^\s";]{1,70}))\s*(?:;|$)', re.IGNORECASE)
# Browsers write a quotation mark within a name as %22: what stands between two of them is the name.
_DISPOSITION = re.compile(
    rb'content-disposition:[ \t]*form-data;[ \t]*name="([^"]*)"(;[ \t]*filename="[^"]*")?', re.IGNORECASE
)
_LINE_END, _DASHES = b"\r\n", b"--"


class Part(NamedTuple):
    """One field of a form.

    Attributes:
        is_file: whether it is the content of a file; one that nobody chose is there too, and empty.
    """

    name: str
    is_file: bool
    content: bytes


def parts(content_type: str, body: bytes, *, most: int) -> list[Part]:
    """The fields of a form, in the order in which they were sent.

    Args:
        content_type: the whole header, with its boundary.
        most: how many there may be.

    Raises:
        BadRequest: it is no such form, or has too many fields.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise BadRequest("the form names no boundary between its fields")
    delimiter = _LINE_END + _DASHES + (found[1] or found[2]).encode("ascii", "replace")
    # The first delimiter has no end of a line before it; the last one has two more dashes behind it.
    before, *pieces = (_LINE_END + body).split(delimiter, most + 1)
    if before or not pieces or not pieces[-1].startswith(_DASHES):
        raise BadRequest("the form does not begin and end with its boundary, or has too many fields")
    return [_part(piece) for piece in pieces[:-1]]


def _part(piece: bytes) -> Part:
    head, blank, content = piece.partition(_LINE_END * 2)
    lines = head.split(_LINE_END)
    named = next((found for line in lines[1:] if (found := _DISPOSITION.match(line))), None)
    if lines[0] or not blank or named is None:
        raise BadRequest("a field of the form has no name")
    try:
        name = named[1].decode()
    except UnicodeDecodeError:
        raise BadRequest("the name of a field of the form is not in UTF-8") from None
    return Part(name, named[2] is not None, content)

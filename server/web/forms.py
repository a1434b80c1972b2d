"""Forms as browsers send them, and whether a page of ours has sent them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from urllib.parse import parse_qsl, urlsplit

from ca_core.errors import BadRequest, TooLarge
from protocols.wire import Request
from server.bridge import MOST_BODY_OCTETS
from server.web import multipart

TOKEN = "csrf"
"""The name of the hidden field with the token."""
_MOST_FIELDS = 500
_MEDIA_TYPE = "application/x-www-form-urlencoded"
_SAME = frozenset({"same-origin", "none"})


_NO_FILES: Mapping[str, bytes] = MappingProxyType({})


class Posted:
    """The fields of a form, or of a query: texts without blanks around them and with plain ends of lines.

    Args:
        files: what is in the files that were chosen, as it is.
    """

    def __init__(self, fields: Mapping[str, tuple[str, ...]], files: Mapping[str, bytes] = _NO_FILES) -> None:
        self._fields = fields
        self._files = files

    def __contains__(self, name: object) -> bool:
        """Whether a field was sent, an empty one too."""
        return name in self._fields

    def get(self, name: str) -> str:
        """A field; empty where it was not sent, the first one where it was sent several times."""
        return self._fields.get(name, ("",))[0]

    def every(self, name: str) -> tuple[str, ...]:
        """All fields of a name that are not empty."""
        return tuple(filter(None, self._fields.get(name, ())))

    def lines(self, name: str) -> tuple[str, ...]:
        """The lines of a field that are not empty."""
        return tuple(filter(None, map(str.strip, self.get(name).splitlines())))

    def file(self, name: str) -> bytes:
        """What is in the file that was chosen in a field; empty where none was."""
        return self._files.get(name, b"")

    def items(self) -> list[tuple[str, str]]:
        """All but the token, each by itself, in the order in which they were sent."""
        return [(name, value) for name, values in self._fields.items() for value in values if name != TOKEN]


NOTHING = Posted({})


def posted(request: Request, *, with_files: bool = False) -> Posted:
    """The form in a request's body.

    Args:
        with_files: whether it may be one that carries files.

    Raises:
        TooLarge: it is beyond what the listener reads.
        BadRequest: it is none.
    """
    if len(request.body) > MOST_BODY_OCTETS:
        raise TooLarge(f"a form may have {MOST_BODY_OCTETS} octets; send less at once")
    if with_files and request.media_type == multipart.MEDIA_TYPE:
        return _read_with_files(request)
    if request.media_type != _MEDIA_TYPE:
        raise BadRequest(f"a form is sent as {_MEDIA_TYPE}")
    return _read(request.body)


def queried(request: Request) -> Posted:
    """The fields of a request's query.

    Raises:
        BadRequest: it cannot be read.
    """
    return _read(request.query.encode("utf-8", "surrogateescape"))


def is_from_elsewhere(request: Request, origin: str) -> bool:
    """Whether a browser says that another site has a form sent.

    Args:
        origin: ours, as `https://ca.example:8443`.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in _SAME
    # Older browsers name the page's origin; what is no browser names none.
    named = request.headers.get("origin")
    return named is not None and named not in {origin, f"https://{request.headers.get('host', '')}"}


def as_browsers_write(origin: str) -> str:
    """An origin without what browsers leave out of it: a path, and the port that https has anyway."""
    parts = urlsplit(origin)
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(':443')}"


def _read(octets: bytes) -> Posted:
    try:
        pairs = parse_qsl(octets.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise BadRequest("the form cannot be read: it is not in UTF-8, or has too many fields") from None
    return Posted(_gathered(pairs))


def _read_with_files(request: Request) -> Posted:
    found = multipart.parts(request.headers["content-type"], request.body, most=_MOST_FIELDS)
    try:
        fields = _gathered((part.name, part.content.decode()) for part in found if not part.is_file)
    except UnicodeDecodeError:
        raise BadRequest("the form cannot be read: it is not in UTF-8") from None
    return Posted(fields, {part.name: part.content for part in found if part.is_file})


def _gathered(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    fields: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        # No store takes it, and nobody types it.
        if "\0" in name or "\0" in value:
            raise BadRequest("the form holds an octet of zero")
        fields[name] = (*fields.get(name, ()), value.replace("\r\n", "\n").strip())
    return fields

"""Forms as browsers send them, and whether a page of ours has sent them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from ca_core.errors import BadRequest, TooLarge
from protocols.wire import Request
from server.bridge import MOST_BODY_OCTETS

TOKEN = "csrf"
"""The name of the hidden field with the token."""
_MOST_FIELDS = 500
_MEDIA_TYPE = "application/x-www-form-urlencoded"
_SAME = frozenset({"same-origin", "none"})


class Posted:
    """The fields of a form, or of a query: texts without blanks around them and with plain ends of lines."""

    def __init__(self, fields: Mapping[str, tuple[str, ...]]) -> None:
        self._fields = fields

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

    def items(self) -> list[tuple[str, str]]:
        """All but the token, each by itself, in the order in which they were sent."""
        return [(name, value) for name, values in self._fields.items() for value in values if name != TOKEN]


NOTHING = Posted({})


def posted(request: Request) -> Posted:
    """The form in a request's body.

    Raises:
        TooLarge: it is beyond what the listener reads.
        BadRequest: it is none.
    """
    if len(request.body) > MOST_BODY_OCTETS:
        raise TooLarge(f"a form may have {MOST_BODY_OCTETS} octets; send less at once")
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
    fields: dict[str, tuple[str, ...]] = {}
    try:
        pairs = parse_qsl(octets.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise BadRequest("the form cannot be read: it is not in UTF-8, or has too many fields") from None
    for name, value in pairs:
        # No store takes it, and nobody types it.
        if "\0" in name or "\0" in value:
            raise BadRequest("the form holds an octet of zero")
        fields[name] = (*fields.get(name, ()), value.replace("\r\n", "\n").strip())
    return Posted(fields)

"""What pages load: style sheets and pictures, all of them ours to serve, at addresses that name their content."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import unquote

from protocols.wire import Reply, Request, plain_text

PREFIX = "/assets/"
_TYPES = MappingProxyType(
    {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
)
# In this order; the first one comes from npm, and pages can be read without it.
_STYLES = ("pico.css", "desk.css")
# Style sheets carry pictures within them, which the policy of our pages does not load from there.
_WITHIN = re.compile(r'url\("data:image/svg\+xml,([^"]*)"\)')
_DIGEST_DIGITS = 16
_FOLDER = resources.files("server.web") / "assets"
_READ = frozenset({"GET", "HEAD"})


class Linked(NamedTuple):
    """A script or style sheet of ours: its address, and what a browser holds it to (Subresource Integrity)."""

    place: str
    integrity: str


def is_built(name: str) -> bool:
    """Whether an asset that no commit holds was built here."""
    return (_FOLDER / name).is_file()


class AssetFiles:
    """Every asset, read once.

    Args:
        folder: where they are; those that are meant for pages.
    """

    def __init__(self, folder: Traversable | None = None) -> None:
        self._replies: dict[str, Reply] = {}
        self._packed: dict[str, Reply] = {}
        self._places = dict(self._read(folder or _FOLDER))

    @property
    def styles(self) -> tuple[Linked, ...]:
        """The style sheets, in the order in which pages name them."""
        return tuple(found for name in _STYLES if (found := self.named(name)) is not None)

    @property
    def icon(self) -> str:
        """The address of the picture beside a page's title."""
        return self._places["icon.svg"]

    @property
    def script(self) -> Linked:
        """The script that speaks with passkeys."""
        return self._linked(self._places["passkey.js"])

    def named(self, name: str) -> Linked | None:
        """The script or style sheet of a name, such as `portal.js`; None where it was not built."""
        place = self._places.get(name)
        return None if place is None else self._linked(place)

    def answer(self, request: Request) -> Reply:
        """The asset at a path; whoever asks may have it."""
        reply = self._replies.get(request.path)
        if reply is None:
            return plain_text(404, "there is nothing here; load the page again")
        if request.method not in _READ:
            return plain_text(405, "this can only be read", ("Allow", "GET, HEAD"))
        return self._packed[request.path] if _takes_gzip(request) else reply

    def _linked(self, place: str) -> Linked:
        digest = base64.b64encode(hashlib.sha384(self._replies[place].body).digest()).decode()
        return Linked(place, f"sha384-{digest}")

    def _read(self, folder: Traversable) -> Iterator[tuple[str, str]]:
        for file in sorted(folder.iterdir(), key=lambda found: found.name):
            stem, _, ending = file.name.rpartition(".")
            if stem and ending in _TYPES:
                text = _WITHIN.sub(self._apart, file.read_text("utf-8"))
                yield file.name, self._placed(stem, ending, text)

    def _apart(self, found: re.Match[str]) -> str:
        return f'url("{self._placed("picture", "svg", unquote(found[1]))}")'

    def _placed(self, stem: str, ending: str, text: str) -> str:
        body = text.encode()
        place = f"{PREFIX}{stem}.{hashlib.sha256(body).hexdigest()[:_DIGEST_DIGITS]}.{ending}"
        headers = (
            ("Content-Type", _TYPES[ending]),
            ("Cache-Control", "public, max-age=31536000, immutable"),
            ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Vary", "Accept-Encoding"),
            ("X-Content-Type-Options", "nosniff"),
        )
        self._replies[place] = Reply(200, headers, body)
        packed = gzip.compress(body, mtime=0)
        self._packed[place] = Reply(200, (*headers, ("Content-Encoding", "gzip")), packed)
        return place


def _takes_gzip(request: Request) -> bool:
    """Whether a browser unpacks what it gets; one that names no weight of nothing does (RFC 9110, 12.5.3)."""
    for one in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = one.replace(" ", "").partition(";")
        if name == "gzip":
            return weight not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False

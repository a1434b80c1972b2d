"""Pages in the portal's look for whoever comes by a link, signed in or not: they know nobody, and may be kept."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec

from ca_core.registration.form import LANGUAGES
from protocols.wire import Reply, Request
from server.web import languages
from server.web.frame import Frame

_CACHE = "Cache-Control"


class OpenPages:
    """Makes them of the portal's templates.

    Args:
        frame: the portal's.
    """

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def page(
        self,
        template: str,
        language: str,
        values: Mapping[str, object],
        *,
        here: str,
        asked_here: str = "",
        status: int = 200,
        cache: str = "no-store",
    ) -> Reply:
        """A page as nobody sees it who is signed in.

        Args:
            values: what the template names beside what all of these have.
            here: its path, for links to the same page in another language.
            asked_here: its query, as `languages.asked` gives it.
            cache: the Cache-Control of it.
        """
        nobody = {"account": "", "csrf": "", "is_in": False, "tabs": (), "scripts": ()}
        common = {**nobody, "here": here, "asked_here": asked_here}
        reply = self._frame.render(template, language, {**common, **values}, status=status)
        headers = tuple((name, cache if name == _CACHE else value) for name, value in reply.headers)
        return msgspec.structs.replace(reply, headers=headers)


def chosen(request: Request) -> str | None:
    """The language that the query of a request chooses, one of `LANGUAGES`."""
    fields = dict(parse_qsl(request.query))
    return fields[languages.FIELD] if fields.get(languages.FIELD) in LANGUAGES else None


def wished(request: Request) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The language of a reader, and the header that has a browser remember it where it was chosen just now."""
    if (found := chosen(request)) is not None:
        return found, (languages.keeping(found),)
    return languages.of(request), ()

"""Which page answers what: a method, and a path with names in braces."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import TypeVar

import msgspec

_NAMED = re.compile(r"\{([a-z_]+)\}")


class Route(msgspec.Struct, frozen=True, dict=True):
    """One page, or one thing that a form does.

    Attributes:
        method: GET, which answers HEAD too, or POST.
        pattern: such as `/registrations/{account}`; a name stands for one part of the path.
    """

    method: str
    pattern: str

    def matched(self, path: str) -> dict[str, str] | None:
        """The named parts of a path; None where it is not of this pattern."""
        found = self._expression.fullmatch(path)
        return None if found is None else found.groupdict()

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        pieces = _NAMED.split(self.pattern)
        # Names stand at every second place.
        return re.compile(
            "".join(f"(?P<{piece}>[^/]+)" if index % 2 else re.escape(piece) for index, piece in enumerate(pieces))
        )


R = TypeVar("R", bound=Route)


def matching(routes: Iterable[R], path: str) -> list[tuple[R, dict[str, str]]]:
    """Every route of a path, with the parts that it names."""
    return [(route, parts) for route in routes if (parts := route.matched(path)) is not None]


def allowed(routes: Iterable[Route]) -> str:
    """What `Allow` says of the routes of one path (RFC 9110, 10.2.1)."""
    return ", ".join(sorted({"GET, HEAD" if route.method == "GET" else route.method for route in routes}))

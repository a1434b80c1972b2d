"""The table of operations: all that the API can do, and the way from a path to it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from server.api.operation import Operation
from server.api.resources import (
    certificates,
    credentials,
    journal,
    me,
    overview,
    registrations,
    requests,
    revocations,
    sheets,
)

OPERATIONS: Sequence[Operation] = (
    *me.OPERATIONS,
    *registrations.OPERATIONS,
    *sheets.OPERATIONS,
    *credentials.OPERATIONS,
    *certificates.OPERATIONS,
    *revocations.OPERATIONS,
    *requests.OPERATIONS,
    *journal.OPERATIONS,
    *overview.OPERATIONS,
)

_LARGEST = (1 << 63) - 1


class PlaceRule(NamedTuple):
    """What a variable part of a path looks like.

    Attributes:
        schema: the same, for the document.
    """

    pattern: str
    schema: Mapping[str, Any]
    about: str


def _text(pattern: str, about: str) -> PlaceRule:
    return PlaceRule(pattern, {"type": "string", "pattern": f"^{pattern}$"}, about)


PLACES: Mapping[str, PlaceRule] = {
    "account": _text("[A-Za-z0-9][A-Za-z0-9._-]{1,63}", "The site account of a registration."),
    "serial": _text("[0-9a-f]{40}", "The serial of a certificate, 40 hex digits."),
    "kid": _text("[A-Za-z0-9_-]{1,64}", "The key identifier of an EAB key."),
    "number": PlaceRule(
        "[1-9][0-9]{0,18}",
        {"type": "integer", "minimum": 1, "maximum": _LARGEST},
        "The number of a request.",
    ),
}
"""What the variable parts of paths are called and look like."""

_VARIABLE = re.compile(r"\{(\w+)\}")


class Found(NamedTuple):
    """What is at a path.

    Attributes:
        operations: by method.
        place: the variable parts of the path, by name.
    """

    operations: Mapping[str, Operation]
    place: Mapping[str, str]


class Routes:
    """Finds what is at a path.

    Args:
        operations: all of them.
    """

    def __init__(self, operations: Sequence[Operation]) -> None:
        by_path: dict[str, dict[str, Operation]] = {}
        for operation in operations:
            by_path.setdefault(operation.path, {})[operation.method] = operation
        self._routes = [(re.compile(_pattern(path)), methods) for path, methods in by_path.items()]

    def at(self, path: str) -> Found | None:
        """What is at a path below `/api/v1`; None where nothing is."""
        for pattern, methods in self._routes:
            found = pattern.fullmatch(path)
            if found and int(found.groupdict().get("number", "1")) <= _LARGEST:
                return Found(methods, found.groupdict())
        return None


def _pattern(path: str) -> str:
    return _VARIABLE.sub(lambda name: f"(?P<{name[1]}>{PLACES[name[1]].pattern})", path)

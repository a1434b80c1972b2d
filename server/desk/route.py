"""Which page answers what: a method, a path with names in braces, and what its visitor must be permitted to do."""

from __future__ import annotations

import re
from functools import cached_property

import msgspec

from ca_core.staff.role import Action
from server.desk.visit import Handler

_NAMED = re.compile(r"\{([a-z_]+)\}")


class Route(msgspec.Struct, frozen=True, dict=True):
    """One page, or one thing that a form does.

    Attributes:
        method: GET, which answers HEAD too, or POST.
        pattern: such as `/registrations/{account}`; a name stands for one part of the path.
        action: what is required of the actor before the handler is asked; None where being an officer is enough.
        is_entrance: whether it is there before a passkey is shown, by those who have one.
    """

    method: str
    pattern: str
    handler: Handler
    action: Action | None = None
    is_entrance: bool = False

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

"""Who asks, as the server sees it."""

from __future__ import annotations

import msgspec

from ca_core.staff.role import Action, Role
from server.api.operation import Answer, Call, Operation


class Me(msgspec.Struct, frozen=True):
    """Who asks, as the server sees it.

    Attributes:
        realm: whose registrations exist for you; `*` for all.
        actions: all that is permitted, sorted.
    """

    name: str
    role: Role
    realm: str
    actions: tuple[Action, ...]


async def _read(call: Call) -> Answer:
    actor = call.actor
    return Answer(Me(actor.name, actor.role, actor.realm, tuple(sorted(actor.permitted))))


OPERATIONS = (
    Operation(
        name="readMe",
        method="GET",
        path="/me",
        about="Read who you are to this server, and what you may do.",
        handler=_read,
        answers={200: Me},
    ),
)

"""Which page of the desk answers what, and what its visitor must be permitted to do."""

from __future__ import annotations

from ca_core.staff.role import Action
from server.desk.visit import Handler
from server.web import route as web_route


class Route(web_route.Route, frozen=True, dict=True):
    """One page, or one thing that a form does.

    Attributes:
        action: what is required of the actor before the handler is asked; None where being an officer is enough.
        is_entrance: whether it is there before a passkey is shown, by those who have one.
    """

    handler: Handler
    action: Action | None = None
    is_entrance: bool = False

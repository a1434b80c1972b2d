"""Which page of the portal answers what, and how far in its visitor must be."""

from __future__ import annotations

from ca_core.registration.session import Step
from server.portal.visit import Handler
from server.web.route import Route


class PortalRoute(Route, frozen=True, dict=True):
    """One page, or one thing that a form does.

    Attributes:
        step: how far in somebody is at least; None: a page for everybody, whose forms are bound by the gate.
        takes_files: whether its form may carry files.
    """

    handler: Handler
    step: Step | None = Step.SIGNED_IN
    takes_files: bool = False

"""What answers at the portal is what is attacked."""

from __future__ import annotations

from conformance.hostile.portal import ROUTES as ATTACKED
from server.portal.routes import ROUTES


def test_every_page_and_every_form_is_attacked() -> None:
    offered = [(route.method, route.pattern, route.step and route.step.value) for route in ROUTES]

    assert sorted(offered, key=str) == sorted(ATTACKED, key=str)

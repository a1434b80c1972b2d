"""Whatever the portal answers is looked at in a browser."""

from __future__ import annotations

from conformance.portal_scene import FILES, PAGES
from server.portal.routes import ROUTES


def test_every_route_is_among_what_conformance_looks_at() -> None:
    assert sorted((*PAGES, *FILES)) == sorted(f"{route.method} {route.pattern}" for route in ROUTES)

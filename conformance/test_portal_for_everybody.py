"""Every page of the portal, and all that its forms lead to, in both languages: it is there, and open to everybody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.browser import LANGUAGES, NARROW, WIDE, Browser, barriers, browser
from conformance.portal_scene import PortalScene, portal_house


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("portal")
    house = portal_house(folder)
    try:
        house.start()
        with browser(house, folder / "browser") as opened:
            yield opened
        assert "Traceback" not in house.log, house.log[-4000:]
    finally:
        house.close()


@pytest.fixture(scope="module")
def scene(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> PortalScene:
    return PortalScene(chromium.house, chromium, tmp_path_factory.mktemp("scene"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_for_everybody(scene: PortalScene, language: str) -> None:
    found = {}
    for known, pages in ((False, scene.outside()), (True, scene.pages())):
        page = scene.page(language, known=known)
        for name, path in pages:
            page.goto(path)
            found[name] = barriers(page)
            assert page.locator("html").get_attribute("lang") == language, path
            page.set_viewport_size({"width": NARROW, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= NARROW, path
            page.set_viewport_size({"width": WIDE, "height": 800})

    assert {name: said for name, said in found.items() if said} == {}

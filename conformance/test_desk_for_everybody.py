"""Every page of the desk that links lead to, in both languages: it is there, and nobody is kept out of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.browser import LANGUAGES, Browser, barriers, browser
from conformance.desk_scene import FIRM, PERSON, SETTINGS, Scene
from conformance.desk_walk import pages
from conformance.house import House


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("desk")
    house = House(folder, *SETTINGS)
    try:
        house.start()
        with browser(house, folder / "browser") as opened:
            yield opened
    finally:
        house.close()


@pytest.fixture(scope="module")
def scene(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(chromium.house, chromium, tmp_path_factory.mktemp("scene"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_for_everybody_and_no_link_leads_nowhere(chromium: Browser, scene: Scene, language: str) -> None:
    page = chromium.desk_page(scene.carol, language)

    found = {}
    for name, path in pages(page, f"/registrations/{PERSON}", f"/registrations/{FIRM}"):
        found[name] = barriers(page)
        assert page.locator("html").get_attribute("lang") == language, path
        assert page.locator("script").count() == 0, path

    assert {name: said for name, said in found.items() if said} == {}
    assert {"overview", "register", "register-person", "registrations-one"} <= set(found)

"""`make screenshots`: every page of the desk and of the portal, in both languages, on a wide and on a narrow screen.

Those of the desk and some of the portal's are for the documents: a long page is cut, and an image has as few colours
as it takes to be small. All of the portal's are below build/screenshots, whole, for whoever looks at them.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect

from conformance import portal_steps as steps
from conformance.browser import LANGUAGES, NARROW, WIDE, Browser, browser
from conformance.desk_scene import FIRM, PERSON, SETTINGS, Scene
from conformance.desk_walk import pages
from conformance.house import House, client, must
from conformance.portal_scene import PortalScene, portal_house

_ROOT = Path(__file__).parents[1]
FOLDER = _ROOT / "docs" / "images"
LOOKED_AT = _ROOT / "build" / "screenshots"
_MOST_OCTETS = 60_000
_COLOURS = 64, 32, 16, 8
_MOST_HEIGHT = {WIDE: 1_400, NARROW: 1_800}
_DARK = frozenset({"first", "sign-in-picture", "apply", "certificates", "certificate-good", "devices", "history"})
_SHOWN = frozenset({"first-zh-hant-360", "apply-zh-hant-1280", "issued-zh-hant-360", "issued-en-1280"})
"""Of the portal's, what documents show."""


def main() -> int:
    """Take them all anew."""
    for old in (*FOLDER.glob("desk-*.png"), *FOLDER.glob("portal-*.png")):
        old.unlink()
    shutil.rmtree(LOOKED_AT, ignore_errors=True)
    LOOKED_AT.mkdir(parents=True)
    for take, house in ((_desk, lambda folder: House(folder, *SETTINGS)), (_portal, portal_house)):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            built = house(folder)
            try:
                built.start()
                with browser(built, folder) as opened:
                    take(built, opened, folder)
            finally:
                built.close()
    return 0


def _desk(house: House, opened: Browser, folder: Path) -> None:
    scene = Scene(house, opened, folder)
    for language in LANGUAGES:
        for width in (WIDE, NARROW):
            page = opened.desk_page(scene.carol, language, width=width)
            for shown, _ in pages(page, f"/registrations/{PERSON}", f"/registrations/{FIRM}"):
                _take(page, FOLDER / f"desk-{shown}-{language.lower()}-{width}.png", width)
            opened.close_pages()


def _portal(house: House, opened: Browser, folder: Path) -> None:
    scene = PortalScene(house, opened, folder)
    for language in LANGUAGES:
        for known, places in ((False, scene.outside()), (True, scene.pages())):
            page = scene.page(language, known=known)
            for shown, path in places:
                page.goto(path)
                _look(page, shown, language)
        _issued(house, opened.portal_page(language), language)
        opened.close_pages()


def _issued(house: House, page: Page, language: str) -> None:
    """What is there once, behind a form."""
    hand = steps.Hand()
    steps.enter(page, steps.register(house, f"wang-{language.lower()}", language), hand)
    _look(page, "entered", language)
    steps.tab(page, "/apply")
    _look(page, "apply-first", language)
    steps.ask(page, hand)
    for profile in steps.PAIR:
        link = page.locator(f'[data-pkcs12][data-profile="{profile}"] [data-file]')
        expect(link).to_be_visible(timeout=steps.LOADED_MS)
    _look(page, "issued", language)


def _look(page: Page, shown: str, language: str) -> None:
    """The page as it is shown, in both widths, and some in the dark."""
    for width in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": 800})
        name = f"{shown}-{language.lower()}-{width}"
        page.screenshot(path=LOOKED_AT / f"{name}.png", full_page=True, animations="disabled")
        if name in _SHOWN:
            _take(page, FOLDER / f"portal-{name}.png", width)
        if shown in _DARK:
            page.emulate_media(color_scheme="dark")
            page.screenshot(path=LOOKED_AT / f"{name}-dark.png", full_page=True, animations="disabled")
            page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": WIDE, "height": 800})


def _take(page: Page, path: Path, width: int) -> None:
    height = int(page.evaluate("document.documentElement.scrollHeight"))
    cut = min(height, _MOST_HEIGHT[width])
    page.screenshot(
        path=path, full_page=True, animations="disabled", clip={"x": 0, "y": 0, "width": width, "height": cut}
    )
    for colours in _COLOURS:
        must(client("pngquant"), "--force", "--strip", "--speed", "1", "--output", path, str(colours), path)
        if path.stat().st_size <= _MOST_OCTETS:
            return


if __name__ == "__main__":
    sys.exit(main())

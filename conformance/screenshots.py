"""`make screenshots`: every page of the desk and of the portal, in both languages, on a wide and on a narrow screen.

All are below build/screenshots, whole, for whoever looks at them. A few are for the documents: there, a long page is
cut, and a picture has as few colours as it takes to be small.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import FloatRect, Page, expect

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
_SHOWN = frozenset(
    {
        *("desk-overview-en-1280", "desk-requests-one-en-1280", "desk-requests-one-zh-hant-360"),
        *("portal-first-zh-hant-360", "portal-apply-zh-hant-1280"),
        *("portal-issued-zh-hant-360", "portal-issued-en-1280"),
    }
)
"""What documents show."""


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
                _take(page, f"desk-{shown}-{language.lower()}-{width}", width)
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
        name = f"portal-{shown}-{language.lower()}-{width}"
        _take(page, name, width)
        if shown in _DARK:
            page.emulate_media(color_scheme="dark")
            page.screenshot(path=LOOKED_AT / f"{name}-dark.png", full_page=True, animations="disabled")
            page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": WIDE, "height": 800})


def _take(page: Page, name: str, width: int) -> None:
    page.screenshot(path=LOOKED_AT / f"{name}.png", full_page=True, animations="disabled")
    if name not in _SHOWN:
        return
    path = FOLDER / f"{name}.png"
    height = min(int(page.evaluate("document.documentElement.scrollHeight")), _MOST_HEIGHT[width])
    clip: FloatRect = {"x": 0, "y": 0, "width": width, "height": height}
    page.screenshot(path=path, full_page=True, animations="disabled", clip=clip)
    for colours in _COLOURS:
        must(client("pngquant"), "--force", "--strip", "--speed", "1", "--output", path, str(colours), path)
        if path.stat().st_size <= _MOST_OCTETS:
            return


if __name__ == "__main__":
    sys.exit(main())

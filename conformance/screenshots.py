"""`make screenshots`: every page of the desk, in both languages, on a wide screen and on a telephone's.

The images are for the documents. A long page is cut, and an image has as few colours as it takes to be small.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from conformance.browser import LANGUAGES, NARROW, WIDE, browser
from conformance.desk_scene import FIRM, PERSON, SETTINGS, Scene
from conformance.desk_walk import pages
from conformance.house import House, client, must

FOLDER = Path(__file__).parents[1] / "docs" / "images"
_MOST_OCTETS = 60_000
_COLOURS = 64, 32, 16, 8
_MOST_HEIGHT = {WIDE: 1_400, NARROW: 1_800}


def main() -> int:
    """Take them all anew."""
    for old in FOLDER.glob("desk-*.png"):
        old.unlink()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        house = House(folder, *SETTINGS)
        try:
            house.start()
            with browser(house, folder) as opened:
                scene = Scene(house, opened, folder)
                for language in LANGUAGES:
                    for width in (WIDE, NARROW):
                        page = opened.desk_page(scene.carol, language, width=width)
                        for shown, _ in pages(page, f"/registrations/{PERSON}", f"/registrations/{FIRM}"):
                            _take(page, FOLDER / f"desk-{shown}-{language.lower()}-{width}.png", width)
                        opened.close_pages()
        finally:
            house.close()
    return 0


def _take(page: Page, path: Path, width: int) -> None:
    height = int(page.evaluate("document.documentElement.scrollHeight"))
    cut = min(height, _MOST_HEIGHT[width])
    page.screenshot(path=path, full_page=True, clip={"x": 0, "y": 0, "width": width, "height": cut})
    for colours in _COLOURS:
        must(client("pngquant"), "--force", "--strip", "--speed", "1", "--output", path, str(colours), path)
        if path.stat().st_size <= _MOST_OCTETS:
            return


if __name__ == "__main__":
    sys.exit(main())

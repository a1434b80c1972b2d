"""A name with characters beyond the basic plane, as CNS 11643 has them, on pages, in certificates and in files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from conformance import portal_steps as steps
from conformance.browser import Browser, browser
from conformance.house import House, must

NAME = "王𠮷𡘙𫝆"
# No standard gives this code point a character, nor any font a glyph.
UNASSIGNED = "\U0003ff00"
_DRAWN = """character => {
    const heading = document.querySelector("h1");
    const canvas = Object.assign(document.createElement("canvas"), {width: 64, height: 64});
    const pen = canvas.getContext("2d");
    pen.font = `40px ${getComputedStyle(heading).fontFamily}`;
    pen.fillText(character, 8, 48);
    return canvas.toDataURL();
}"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("house"), "portal.gate=off")
    try:
        built.start()
        yield built
    finally:
        built.close()


@pytest.fixture(scope="module")
def chromium(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(house, tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def drawn(page: Page, character: str) -> str:
    """A picture of a character in the font of the headings."""
    return str(page.evaluate(_DRAWN, character))


def test_a_rare_name_is_whole_on_pages_in_certificates_and_in_files(
    house: House, chromium: Browser, tmp_path: Path
) -> None:
    sheet = house.register("--kind", "person", "--subject", f"CN={NAME},O=範例,C=TW", "--account", "rare-1")
    page, hand = chromium.portal_page("zh-Hant"), steps.Hand()
    steps.enter(page, f"{sheet['portal_url']}#account=rare-1&password={sheet['initial_password']}", hand)

    steps.tab(page, "/apply")
    expect(page.get_by_text(f"CN={NAME},")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "zh-Hant"
    box = drawn(page, UNASSIGNED)
    shapes = [drawn(page, character) for character in NAME]
    steps.ask(page, hand)
    made = steps.files(page, tmp_path / "files")

    database = tmp_path / "nss"
    database.mkdir()
    must("certutil", "-d", f"sql:{database}", "-N", "--empty-password")
    assert box not in shapes
    assert len(set(shapes)) == len(NAME)
    for file in made.values():
        # OpenSSL has no surrogates where it prints a friendly name; NSS and Java have.
        listed = must("pk12util", "-d", f"sql:{database}", "-l", file, "-W", steps.PASSPHRASE)
        subject = must(
            *("openssl", "x509", "-in", steps.opened(file).certificate, "-noout", "-subject"),
            *("-nameopt", "utf8,sep_comma_plus"),
        )
        assert file.name.isascii()
        assert f"Friendly Name: {NAME} · " in listed
        assert f"CN={NAME}" in subject
    for place in ("/certificates", "/download", "/revoke"):
        page.goto(place)
        expect(page.get_by_text(f"CN={NAME},").first).to_be_visible()
    page.goto(str(page.locator("main th a").first.get_attribute("href")))
    expect(page.get_by_text(f"CN={NAME},").first).to_be_visible()

"""The pages about devices, programs and records in Debian's Chromium: for everybody, in both languages and widths."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from conformance import acme
from conformance.browser import LANGUAGES, NARROW, WIDE, Browser, barriers, browser
from conformance.house import House

CHOSEN = "lobster paints nine moons"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("house"), 'portal.gate="off"')
    try:
        house.start()
        yield house
    finally:
        house.close()


@pytest.fixture(scope="module")
def chromium(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(house, tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def signed_in(house: House, chromium: Browser) -> Page:
    given = ("--kind", "partner", "--account", "panel", "--subject", "CN=panel,C=TW", "--zone", "panel.example")
    sheet = house.register(*given, "--profile", "tls-server", "--profile", "device")
    assert acme.Client(house).new_account(sheet["eab"]).status == 201
    page = chromium.portal_page()
    page.goto("/sign-in")
    page.locator("#account").fill("panel")
    page.locator("#password").fill(sheet["initial_password"])
    page.locator('form[action="/sign-in"] button').click()
    for name, typed in (("old", sheet["initial_password"]), ("new", CHOSEN), ("again", CHOSEN)):
        page.locator(f"#{name}").fill(typed)
    page.locator('form[action="/password"] button').click()
    return page


def require_fit(page: Page) -> None:
    """Nothing keeps anybody out, and nothing is wider than the window."""
    assert barriers(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize(("language", "width"), list(zip(LANGUAGES, (WIDE, NARROW), strict=True)))
def test_everybody_makes_keys_and_codes_and_reads_records(signed_in: Page, language: str, width: int) -> None:
    page = signed_in
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/devices?lang={language}")

    for what in ("key", "code"):
        page.goto(f"/devices/new/{what}")
        require_fit(page)
        page.locator("#uses").fill("none")
        page.locator("main form button").click()
        require_fit(page)
        page.locator("#uses").fill("2")
        page.locator("#note").fill("網站主機 <b>2</b>")
        page.locator("main form button").click()
        page.locator("summary").first.click()
        require_fit(page)
    page.goto("/devices")
    require_fit(page)
    for act in ("rotate", "revoke", "deactivate"):
        page.goto("/devices")
        page.locator(f'a[href$="/{act}"]').first.click()
        require_fit(page)
    page.goto("/history")
    page.locator("#event").select_option("sign-ins")
    page.locator("main form button").click()
    require_fit(page)

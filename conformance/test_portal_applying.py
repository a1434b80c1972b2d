"""Applying in Debian's Chromium: keys made in the tab, files that OpenSSL opens, and a lost key that is no dead end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from conformance.browser import NARROW, Browser, barriers, browser
from conformance.house import House, must

PASSPHRASE = "lobster paints nine moons"
PASSWORD = "violet tractor hums 9"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    terms = folder / "terms.txt"
    terms.write_text("You keep your key.\n\nWe keep our word.\n")
    built = House(folder, f'agreement.file="{terms}"', 'agreement.version="2026"')
    try:
        built.start()
        yield built
    finally:
        built.close()


@pytest.fixture(scope="module")
def chromium(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(house, tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def entered(house: House, chromium: Browser, account: str, language: str = "en", *, width: int = 1280) -> Page:
    """Somebody who has a sheet, signs in for the first time, and looks at the page on which to apply."""
    sheet = house.register(
        *("--kind", "person", "--subject", f"CN={account},O=範例股份有限公司,C=TW", "--account", account),
        *("--email", "wang@example.com"),
    )
    page = chromium.desk_page(None, language, width=width)
    url = f"https://localhost:{house.port}"
    page.goto(f"{url}/sign-in")
    page.locator("#account").fill(account)
    page.locator("#password").fill(sheet["initial_password"])
    page.locator("form[data-sign-in] button").click()
    page.locator("[name=old]").fill(sheet["initial_password"])
    page.locator("[name=new]").fill(PASSWORD)
    page.locator("[name=again]").fill(PASSWORD)
    page.locator("main form button").click()
    page.wait_for_load_state()
    page.goto(f"{url}/apply")
    return page


def apply(page: Page) -> None:
    page.locator("[data-passphrase]").first.fill(PASSPHRASE)
    page.locator("[data-passphrase-again]").fill(PASSPHRASE)
    if page.locator("#agreement").count():
        page.locator("#agreement").check()
    page.locator("form[data-apply] button").last.click()
    page.wait_for_selector("[data-file]:not([hidden])")


def saved(page: Page, profile: str, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.locator(f'[data-profile="{profile}"] [data-file]').click()
    waiting.value.save_as(folder / f"{profile}.p12")
    return folder / f"{profile}.p12"


@pytest.mark.parametrize("language", ["en", "zh-Hant"])
def test_from_a_sheet_to_both_certificates_and_their_files(
    house: House, chromium: Browser, language: str, tmp_path: Path
) -> None:
    page = entered(house, chromium, f"wang-{language}", language)
    assert barriers(page) == []

    apply(page)

    assert barriers(page) == []
    for profile in ("signing", "encryption"):
        file, out = saved(page, profile, tmp_path), tmp_path / f"{profile}.pem"
        must("openssl", "pkcs12", "-in", file, "-passin", f"pass:{PASSPHRASE}", "-nodes", "-out", out)
        key = must("openssl", "pkey", "-in", out, "-pubout")
        assert must("openssl", "x509", "-in", out, "-noout", "-pubkey") == key
        must("openssl", "verify", "-CAfile", house.trust, "-untrusted", out, out)
    for path in ("/apply", "/renew", "/apply/requests"):
        page.goto(f"https://localhost:{house.port}{path}")
        assert barriers(page) == []


def test_a_narrow_page_scrolls_nowhere_sideways(house: House, chromium: Browser, tmp_path: Path) -> None:
    page = entered(house, chromium, "narrow", "zh-Hant", width=NARROW)
    page.screenshot(path=tmp_path / "apply.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW

    apply(page)

    page.screenshot(path=tmp_path / "outcome.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW


def test_a_tab_that_died_leaves_its_key_in_the_browser_and_else_leads_to_another_certificate(
    house: House, chromium: Browser, tmp_path: Path
) -> None:
    page = entered(house, chromium, "lost")
    apply(page)
    serial = page.locator("a[href^='/apply/lost/']").first.get_attribute("href")
    page.goto(f"https://localhost:{house.port}{serial}")
    assert barriers(page) == []
    page.locator("[value=superseded]").check()
    page.locator("main form button").click()
    page.wait_for_load_state()
    page.goto(f"https://localhost:{house.port}/apply")

    apply(page)

    assert page.locator("[data-pkcs12]").count() == 1
    saved(page, "signing", tmp_path)

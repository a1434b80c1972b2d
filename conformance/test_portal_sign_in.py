"""Signing in to the portal in Debian's Chromium: from the QR code of a sheet to a password, and by a passkey."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from conformance.browser import LANGUAGES, NARROW, WIDE, Browser, barriers, browser
from conformance.house import House

GOOD = "lobster paints nine moons"
_AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("house"))
    try:
        built.start()
        yield built
    finally:
        built.close()


@pytest.fixture(scope="module")
def chromium(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(house, tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def sheet_of(house: House, account: str) -> str:
    """The initial password of somebody new."""
    sheet = house.register("--kind", "person", "--subject", "CN=王小明,O=範例,C=TW", "--account", account)
    return str(sheet["initial_password"])


def scan(page: Page, account: str, password: str) -> None:
    """What the sheet's QR code does."""
    page.goto(f"/#account={quote(account)}&password={quote(password)}")
    page.wait_for_url("**/sign-in")


def change(page: Page, old: str, new: str) -> None:
    page.locator("#old").fill(old)
    page.locator("#new").fill(new)
    page.locator("#again").fill(new)
    page.locator('form[action="/password"] button').click()


def sign_in(page: Page, account: str, password: str) -> None:
    page.goto("/sign-in")
    page.locator("#account").fill(account)
    page.locator("#password").fill(password)
    page.locator("form[data-sign-in] button").click()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_qr_code_of_a_sheet_opens_the_change_of_the_password(
    chromium: Browser, house: House, language: str
) -> None:
    account = f"qr-{language.lower()}"
    password = sheet_of(house, account)
    page = chromium.portal_page(language)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    scan(page, account, password)
    assert page.locator("#account").input_value() == account
    assert "#" not in page.url
    page.locator("form[data-sign-in] button").click()
    page.wait_for_url("**/password")
    assert barriers(page) == []
    change(page, password, GOOD)

    expect(page.locator("nav.tabs")).to_be_visible()
    assert not any(password in url for url in asked)
    assert barriers(page) == []


@pytest.mark.parametrize(
    ("language", "width", "dark"), [("en", WIDE, False), ("en", NARROW, True), ("zh-Hant", NARROW, False)]
)
def test_everybody_can_use_the_pages_before_signing_in(
    chromium: Browser, language: str, width: int, dark: bool
) -> None:
    page = chromium.portal_page(language, width=width, dark=dark)
    for path in ("/", "/sign-in", "/sign-in?gate=picture", "/elsewhere"):
        page.goto(path)

        assert barriers(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_whoever_runs_no_script_reads_or_hears_the_digits(chromium: Browser) -> None:
    page = chromium.portal_page(javascript=False)
    with page.expect_response("**/gate/*.png") as picture:
        page.goto("/sign-in")

    assert picture.value.status == 200
    assert page.locator("img.code").is_visible()
    assert page.locator("audio").is_visible()
    assert page.locator("#code").is_visible()


def test_a_wrong_password_is_told_without_telling_what_is_wrong(chromium: Browser) -> None:
    page = chromium.portal_page()

    sign_in(page, "nobody", "x")

    expect(page.get_by_role("alert")).to_contain_text("not right")
    assert barriers(page) == []


def test_a_passkey_signs_in_by_itself(chromium: Browser, house: House) -> None:
    password = sheet_of(house, "pass-1")
    page = chromium.portal_page()
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": _AUTHENTICATOR})
    sign_in(page, "pass-1", password)
    change(page, password, GOOD)
    page.goto("/passkeys")
    page.locator("#label").fill("telephone")
    page.locator('form[action="/passkeys/new"] button').click()
    assert barriers(page) == []
    page.locator("form[data-passkey] button").click()
    expect(page.get_by_role("status")).to_be_visible()
    assert barriers(page) == []
    page.locator('form[action="/sign-out"] button').click()

    page.goto("/sign-in")
    page.locator('form[action="/sign-in/passkey"] button').click()

    expect(page.locator("nav.tabs")).to_be_visible()


def test_pages_weigh_less_than_60_kb_and_are_painted_at_once(chromium: Browser) -> None:
    page = chromium.portal_page("zh-Hant")
    for path in ("/", "/sign-in"):
        page.goto(path, wait_until="load")

        octets = page.evaluate(
            "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
            ".reduce((sum, one) => sum + one.encodedBodySize, 0)"
        )

        assert 0 < octets < 60_000, path
        assert page.evaluate("performance.getEntriesByName('first-contentful-paint').length") == 1, path

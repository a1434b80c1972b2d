"""An officer's passkey beside the certificate, in Debian's Chromium with a virtual authenticator."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from conformance.browser import Browser, Officer, barriers, browser, follow, type_into
from conformance.house import House

_AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("desk")
    house = House(folder)
    try:
        house.start()
        with browser(house, folder / "browser") as opened:
            yield opened
    finally:
        house.close()


def with_authenticator(chromium: Browser, officer: Officer, language: str = "en") -> Page:
    """A page in whose browser passkeys can be made."""
    page = chromium.desk_page(officer, language)
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": _AUTHENTICATOR})
    return page


def register(page: Page, label: str) -> None:
    """Make a passkey and register it."""
    page.goto("/passkeys")
    type_into(page.locator("#label"), label)
    follow(page.locator('form[action="/passkeys/new"] button'))
    assert barriers(page) == []
    follow(page.locator("form[data-passkey] button"))


def test_who_has_a_passkey_shows_it_once_for_each_session(chromium: Browser) -> None:
    page = with_authenticator(chromium, chromium.take_on("alice"))

    register(page, "token")
    said = page.inner_text("main")
    goes_on = page.goto("/registrations")
    page.goto("/passkeys")
    follow(page.locator('form[action="/sign-out"] button'))
    asked = page.url
    page.goto("/registrations")
    asked_again, kept_out = page.url, barriers(page)
    follow(page.locator("form[data-passkey] button"))
    let_in = page.goto("/registrations")

    assert "token" in said
    assert goes_on is not None
    assert let_in is not None
    assert (goes_on.status, let_in.status) == (200, 200)
    assert (asked, asked_again, kept_out) == (f"{chromium.url}/sign-in", f"{chromium.url}/sign-in", [])
    assert page.url == f"{chromium.url}/registrations"
    cookies = {one["name"]: one for one in page.context.cookies()}
    session = cookies["__Host-desk"]
    assert (session["secure"], session["httpOnly"], session["sameSite"]) == (True, True, "Strict")


def test_the_certificate_alone_opens_nothing_then(chromium: Browser) -> None:
    bob = chromium.take_on("bob")
    first = with_authenticator(chromium, bob)
    first.goto("/passkeys")
    token = first.locator('input[name="csrf"]').first.get_attribute("value") or ""
    register(first, "telephone")
    thief = chromium.desk_page(bob).context.request

    page = thief.get("/registrations", max_redirects=0)
    posted = thief.post("/register/person", form={"csrf": token, "step": "register", "subject": "CN=x"})
    removed = thief.post("/passkeys/0000000000000000/remove", form={"csrf": token})
    api = thief.get("/api/v1/registrations")
    empty = thief.post("/sign-in", form={"csrf": token, "answer": "{}"})

    assert (page.status, page.headers["location"]) == (303, "/sign-in")
    assert (posted.status, removed.status, api.status, empty.status) == (403, 403, 403, 403)
    assert api.json()["type"] == "urn:soapstone:problem:second-factor-needed"
    assert "/sign-in" in posted.text()
    assert json.loads(chromium.house.command("registrations", "--json")) == []


def test_whoever_has_lost_it_is_let_in_again_by_the_operator(chromium: Browser) -> None:
    page = with_authenticator(chromium, chromium.take_on("carol"))
    register(page, "lost")
    page.goto("/passkeys")
    follow(page.locator('form[action="/sign-out"] button'))
    kept_out = page.url

    said = chromium.house.command("officer", "forget-passkeys", "carol")
    let_in = page.goto("/registrations")

    assert kept_out == f"{chromium.url}/sign-in"
    assert said == "carol has no passkey any more; removed: 1\n"
    assert let_in is not None
    assert (let_in.status, page.url) == (200, f"{chromium.url}/registrations")
    events = [
        row["event"]
        for row in json.loads(chromium.house.command("journal", "list", "--json", "--account", "officer.carol"))
    ]
    assert {"passkey-added", "passkey-removed", "signed-in", "signed-out"} <= set(events)


def test_a_passkey_is_removed_on_its_page_in_chinese(chromium: Browser) -> None:
    page = with_authenticator(chromium, chromium.take_on("dave"), "zh-Hant")
    register(page, "手機")

    follow(page.locator('a[href$="/remove"]'))
    asked = page.inner_text("main")
    follow(page.locator("main form button"))

    assert "移除通行金鑰 手機" in asked
    assert "此通行金鑰已失效" in page.inner_text("main")
    assert page.locator('a[href$="/remove"]').count() == 0


def test_a_browser_without_javascript_is_told_what_it_needs(chromium: Browser) -> None:
    page = chromium.desk_page(chromium.take_on("erin"), javascript=False)

    page.goto("/passkeys")
    type_into(page.locator("#label"), "token")
    follow(page.locator('form[action="/passkeys/new"] button'))
    said = page.inner_text("main")
    follow(page.locator("form[data-passkey] button"))

    assert "switch JavaScript on" in said
    assert "cannot be read" in page.inner_text("main")


def test_a_session_that_nobody_uses_ends(chromium: Browser) -> None:
    page = with_authenticator(chromium, chromium.take_on("frida"))
    register(page, "token")

    places = []
    for minutes in (14, 28, 44):
        chromium.house.move_clock(days=minutes / 1440)
        page.goto("/registrations")
        places.append(page.url.removeprefix(chromium.url))

    assert places == ["/registrations", "/registrations", "/sign-in"]

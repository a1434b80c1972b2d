"""Where all officers need a passkey: the first one by the operator's code, in Debian's Chromium, in both languages."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from conformance.browser import LANGUAGES, Browser, barriers, browser, follow, type_into
from conformance.house import House
from conformance.test_second_factor import with_authenticator


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("desk")
    house = House(folder, "officers.passkey=required")
    try:
        house.start()
        with browser(house, folder / "browser") as opened:
            yield opened
    finally:
        house.close()


def code_of(chromium: Browser, name: str) -> str:
    made = json.loads(chromium.house.command("officer", "passkey-code", name, "--json"))
    return str(made["passkey_code"])


def type_code(page: Page, code: str) -> None:
    page.goto("/")
    type_into(page.locator("#code"), code)
    type_into(page.locator("#label"), "key")
    follow(page.locator("main form button"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_code_brings_the_first_passkey_in_and_then_the_passkey_opens(chromium: Browser, language: str) -> None:
    name = f"alice-{language.lower()}"
    page = with_authenticator(chromium, chromium.take_on(name), language)
    page.goto("/registrations")
    asked, seen = page.url, [barriers(page)]
    type_code(page, code_of(chromium, name))
    seen.append(barriers(page))
    follow(page.locator("form[data-passkey] button"))
    page.goto("/registrations")
    let_in = page.url
    page.goto("/passkeys")
    seen.append(barriers(page))
    can_remove = page.locator('a[href$="/remove"]').count()
    follow(page.locator('form[action="/sign-out"] button'))
    seen.append(barriers(page))
    kept_out = page.url
    follow(page.locator("form[data-passkey] button"))

    assert page.locator("html").get_attribute("lang") == language
    assert (asked, kept_out) == (f"{chromium.url}/sign-in/code", f"{chromium.url}/sign-in")
    assert (let_in, page.url) == (f"{chromium.url}/registrations", f"{chromium.url}/")
    assert can_remove == 0
    assert seen == [[]] * 4
    (passkey,) = json.loads(chromium.house.command("officer", "passkeys", name, "--json"))
    assert (passkey["label"], passkey["used_at"] is not None) == ("key", True)


def test_a_stolen_certificate_registers_nothing_and_opens_nothing(chromium: Browser) -> None:
    mallory = chromium.take_on("mallory")
    page = with_authenticator(chromium, mallory)
    type_code(page, "2345-2345-2345-2345-2345-2345")
    refused = page.locator("form[data-passkey]").count()
    api = page.context.request.get("/api/v1/registrations")
    form = page.context.request.post("/passkeys/new", form={"label": "mine"})

    assert (refused, api.status, form.status) == (0, 403, 403)
    assert json.loads(chromium.house.command("officer", "passkeys", "mallory", "--json")) == []


def test_the_operator_removes_what_is_lost_and_gives_another_code(chromium: Browser) -> None:
    page = with_authenticator(chromium, chromium.take_on("carol"))
    type_code(page, code_of(chromium, "carol"))
    follow(page.locator("form[data-passkey] button"))
    (passkey,) = json.loads(chromium.house.command("officer", "passkeys", "carol", "--json"))

    said = chromium.house.command("officer", "passkeys", "carol", "--remove", passkey["passkey"])
    page.goto("/registrations")
    kept_out = page.url
    type_code(page, code_of(chromium, "carol"))

    assert said.rstrip().endswith("removed")
    assert kept_out == f"{chromium.url}/sign-in/code"
    assert page.locator("form[data-passkey]").count() == 1
    missing = chromium.house.attempt("officer", "passkeys", "carol", "--remove", passkey["passkey"])
    assert missing.returncode != 0
    assert "no such passkey" in missing.stderr

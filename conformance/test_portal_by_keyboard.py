"""The portal without a mouse, every flow by Tab, letters and Enter; and without scripts, all of it but the keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from conformance.browser import Browser, browser, follow, press, tab_to, type_into
from conformance.house import must
from conformance.portal_scene import AUTHENTICATOR, PASSPHRASE, PASSWORD, PortalScene, enter, portal_house

_OTHER_PASSWORD = "violet tractor hums 9"
_PATIENCE_MS = 60_000
_LONG_SECONDS = 600
"""A busy machine takes many times what such a walk takes alone."""
# What has several parts is marked by the browser itself, at each of them.
_STOP = """() => {
    const one = document.activeElement, look = getComputedStyle(one), box = one.getBoundingClientRect();
    return {
        place: [...document.querySelectorAll("*")].indexOf(one),
        called: one.outerHTML.slice(0, 90),
        is_page: one === document.body || one === document.documentElement,
        is_first: one.matches(".skip"),
        is_marked: one.matches("audio, [type=date]")
            || look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2,
        is_seen: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    };
}"""
_GOOD = ("is_marked", "is_seen")
_MOST_STOPS = 400


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("portal")
    house = portal_house(folder)
    try:
        house.start()
        with browser(house, folder / "browser") as opened:
            yield opened
        assert "Traceback" not in house.log, house.log[-4000:]
    finally:
        house.close()


@pytest.fixture(scope="module")
def scene(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> PortalScene:
    return PortalScene(chromium.house, chromium, tmp_path_factory.mktemp("scene"))


def tab(page: Page, name: str) -> Locator:
    """The link to one of the portal's functions."""
    return page.locator("nav.tabs").get_by_role("link", name=name)


def stops(page: Page) -> Iterator[dict[str, Any]]:
    """Where Tab stops on a page, until it leaves it."""
    for count in range(_MOST_STOPS):
        page.keyboard.press("Tab")
        stop: dict[str, Any] = page.evaluate(_STOP)
        if stop["is_page"] or (count and stop["is_first"]):
            return
        yield stop
    raise AssertionError(f"Tab stops {_MOST_STOPS} times at {page.url}")


def told(page: Page, role: str) -> str:
    """What is said first on the page, where the keyboard goes on."""
    said = page.locator(":focus")
    expect(said).to_have_attribute("role", role, timeout=_PATIENCE_MS)
    return said.inner_text()


@pytest.mark.timeout(_LONG_SECONDS)
def test_tab_goes_through_every_page_as_it_is_read_and_is_seen_wherever_it_stops(scene: PortalScene) -> None:
    wrong = []
    for known, pages in ((False, scene.outside()), (True, scene.pages())):
        page = scene.page(known=known)
        for name, path in pages:
            page.goto(path)
            before = -1
            for stop in stops(page):
                faults = {"backwards": stop["place"] < before, **{f"not {is_so}": not stop[is_so] for is_so in _GOOD}}
                wrong += [f"{name}, {fault}: {stop['called']}" for fault, is_there in faults.items() if is_there]
                # A control of several parts, such as a date, has a stop at each.
                before = stop["place"]
            assert before >= 0, name

    assert "\n".join(wrong) == ""


def test_the_first_stop_leads_past_what_every_page_has(scene: PortalScene) -> None:
    page = scene.page()
    page.goto("/certificates")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused(timeout=_PATIENCE_MS)
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    expect(page.locator("#status")).to_be_focused(timeout=_PATIENCE_MS)


@pytest.mark.timeout(_LONG_SECONDS)
def test_from_the_sheet_to_files_a_renewal_and_a_revocation(scene: PortalScene, tmp_path: Path) -> None:
    sheet, page = scene.register("keys-1"), scene.page(known=False)
    let_in(page, sheet)

    follow(tab(page, "Apply for certificates"))
    tab_to(page.locator("#key-encryption"))
    page.keyboard.type("ECDSA P-256")
    tab_to(page.locator("#agreement"))
    page.keyboard.press("Space")
    for field, text in (("#passphrase", PASSPHRASE), ("#again", f"{PASSPHRASE}!")):
        type_into(page.locator(field), text)
    press(page.locator("form[data-apply] button"))
    expect(page.get_by_role("alert").filter(has_text="not the same")).to_be_visible(timeout=_PATIENCE_MS)
    expect(page.locator("#again")).to_be_focused(timeout=_PATIENCE_MS)
    for field in ("#passphrase", "#again"):
        type_into(page.locator(field), PASSPHRASE)
    press(page.locator("form[data-apply] button"))
    expect(page.locator("[data-file]:visible")).to_have_count(2, timeout=_PATIENCE_MS)
    expect(page.locator("h1")).to_be_focused(timeout=_PATIENCE_MS)
    signing = page.locator('[data-pkcs12][data-profile="signing"]')
    tab_to(signing.locator("[data-file]"))
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    waiting.value.save_as(tmp_path / "signing.p12")
    opened = ("-passin", f"pass:{PASSPHRASE}", "-noenc", "-out", tmp_path / "signing.pem")
    must("openssl", "pkcs12", "-in", tmp_path / "signing.p12", *opened)
    press(signing.locator("[data-forget]"))
    assert "forgotten" in told(page, "status")

    scene.let_encryption_end_soon()
    follow(tab(page, "Renew certificates"))
    tab_to(page.locator("#key-encryption1"))
    page.keyboard.type("ECDSA P-256")
    for field in ("#passphrase1", "#again1"):
        type_into(page.locator(field), PASSPHRASE)
    press(page.locator("form[data-apply] button"))
    expect(page.locator("[data-file]:visible")).to_have_count(1, timeout=_PATIENCE_MS)
    expect(page.locator("h1")).to_be_focused(timeout=_PATIENCE_MS)

    follow(page.get_by_role("link", name="The certificate"))
    follow(page.locator("main .actions").get_by_role("link", name="Revoke"))
    type_into(page.locator("#key-passphrase"), "another one")
    press(page.get_by_role("button", name="Prove it"))
    assert "does not open" in told(page, "alert")
    type_into(page.locator("#key-passphrase"), PASSPHRASE)
    follow(page.get_by_role("button", name="Prove it"))
    assert "revoked" in told(page, "status")


def let_in(page: Page, sheet: dict[str, Any]) -> None:
    """Sign in for the first time, with one mistake on each page."""
    page.goto("/")
    follow(page.get_by_role("link", name="Sign in"))
    type_into(page.locator("#account"), sheet["account"])
    type_into(page.locator("#password"), "not this one")
    follow(page.locator("form[data-sign-in] button"))
    assert "not right" in told(page, "alert")
    follow(page.get_by_role("link", name="Try again"))
    type_into(page.locator("#account"), sheet["account"])
    type_into(page.locator("#password"), sheet["initial_password"])
    follow(page.locator("form[data-sign-in] button"))
    page.wait_for_url("**/password")
    change(page, sheet["initial_password"], PASSWORD, f"{PASSWORD}!")
    assert "not changed" in told(page, "alert")
    change(page, sheet["initial_password"], PASSWORD, PASSWORD)
    page.wait_for_url("**/certificates")


def change(page: Page, old: str, new: str, again: str) -> None:
    for field, text in (("#old", old), ("#new", new), ("#again", again)):
        type_into(page.locator(field), text)
    follow(page.get_by_role("button", name="Change the password"))


@pytest.mark.timeout(_LONG_SECONDS)
def test_lists_files_keys_codes_passkeys_records_and_the_way_out(scene: PortalScene) -> None:
    sheet, page = scene.register("keys-2"), scene.page(known=False)
    enter(page, sheet)
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    scene.apply(page, "signing")

    follow(page.get_by_role("link", name="繁體中文"))
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hant", timeout=_PATIENCE_MS)
    follow(page.get_by_role("link", name="English"))
    follow(tab(page, "View certificates"))
    tab_to(page.locator("#status"))
    page.keyboard.type("valid")
    follow(page.get_by_role("button", name="Search"))
    follow(page.locator("tbody a").first)
    tab_to(page.locator('a[href$="/file/p7b"]'))
    with page.expect_download():
        page.keyboard.press("Enter")

    make_and_end(page)
    follow(tab(page, "Passkeys"))
    type_into(page.locator("#label"), "token")
    follow(page.get_by_role("button", name="Go on"))
    follow(page.get_by_role("button", name="Make the passkey"))
    assert "registered" in told(page, "status")
    follow(tab(page, "Records"))
    tab_to(page.locator("#event"))
    page.keyboard.press("End")
    follow(page.get_by_role("button", name="Search"))
    follow(tab(page, "Change the password"))
    change(page, PASSWORD, _OTHER_PASSWORD, _OTHER_PASSWORD)
    assert "changed" in told(page, "status")
    follow(page.get_by_role("button", name="Sign out"))

    follow(page.locator("main").get_by_role("link", name="Sign in"))
    follow(page.get_by_role("button", name="Sign in with a passkey"))
    page.wait_for_url("**/certificates")
    follow(tab(page, "Passkeys"))
    follow(page.get_by_role("link", name="Remove token"))
    follow(page.get_by_role("button", name="Remove"))
    assert "nothing any more" in told(page, "status")


def make_and_end(page: Page) -> None:
    """A key and a code, with one mistake each; then one of them no more."""
    for what in ("key", "code"):
        follow(tab(page, "Devices and programs"))
        follow(page.locator(f'a[href="/devices/new/{what}"]'))
        type_into(page.locator("#uses"), "none")
        follow(page.get_by_role("button", name="Make it"))
        assert "Nothing was made" in told(page, "alert")
        type_into(page.locator("#uses"), "2")
        follow(page.get_by_role("button", name="Make it"))
        assert "shown once" in told(page, "status")
        press(page.locator("summary").first)
        expect(page.locator("pre").first).to_be_visible(timeout=_PATIENCE_MS)
    for act in ("rotate", "revoke"):
        follow(tab(page, "Devices and programs"))
        follow(page.locator(f'main a[href$="/{act}"]').first)
        follow(page.locator("main form button"))
        assert told(page, "status")


def test_without_scripts_digits_are_seen_or_heard_and_wrong_ones_told(scene: PortalScene) -> None:
    page = scene.page(known=False, javascript=False)
    page.goto("/sign-in")
    for what in ("img.code", "audio"):
        expect(page.locator(what)).to_be_visible(timeout=_PATIENCE_MS)
    expect(page.locator("[data-scripted]")).to_be_hidden()

    for field, text in (("#account", "nobody"), ("#password", "x"), ("#code", "000000")):
        page.locator(field).fill(text)
    page.locator("form[data-sign-in] button").click()

    expect(page.get_by_role("alert")).to_be_focused(timeout=_PATIENCE_MS)


def without_scripts(scene: PortalScene, account: str) -> Page:
    """Somebody new, who has signed in with scripts and goes on without."""
    scripted, page = scene.page(known=False), scene.page(known=False, javascript=False)
    enter(scripted, scene.register(account))
    page.context.add_cookies(scripted.context.cookies())  # type: ignore[arg-type]  # as they were given
    return page


@pytest.mark.timeout(_LONG_SECONDS)
def test_without_scripts_requests_come_as_files_and_as_text(scene: PortalScene, tmp_path: Path) -> None:
    page = without_scripts(scene, "plain-1")
    own, der, vast = scene.request(), tmp_path / "own.der", tmp_path / "vast"
    must("openssl", "req", "-in", scene.folder / "own.csr", "-outform", "DER", "-out", der)
    vast.write_bytes(b"A" * 1_000_000)
    page.goto("/apply")
    assert "JavaScript, which does not run here" in page.locator("[data-unscripted]").inner_text()
    assert page.locator("[data-scripted]:visible").count() == 0

    def apply(file: Path) -> None:
        page.goto("/apply")
        for profile in ("encryption", "tls-server"):
            page.locator(f'input[name="profile"][value="{profile}"]').uncheck()
        page.locator("#agreement").check()
        page.locator("#file-signing").set_input_files(file)
        page.locator("form[data-apply] button").click()

    apply(vast)
    expect(page.locator("h1")).to_have_text(re.compile("too (large|long|much)"), timeout=_PATIENCE_MS)
    apply(scene.folder / "own.key")
    expect(page.get_by_role("alert").first).to_be_focused(timeout=_PATIENCE_MS)
    apply(der)
    expect(page.locator("h1")).to_have_text("Your certificates are issued", timeout=_PATIENCE_MS)
    assert scene.request() != own
    page.goto("/apply")
    page.locator('input[name="profile"][value="tls-server"]').uncheck()
    page.locator("#csr-encryption").fill((scene.folder / "own.csr").read_text())
    page.locator("form[data-apply] button").click()
    expect(page.locator("h1")).to_have_text("Your certificates are issued", timeout=_PATIENCE_MS)
    scene.let_encryption_end_soon()
    scene.request()
    page.goto("/renew")
    page.locator("#file-encryption1").set_input_files(scene.folder / "own.csr")
    page.locator("form[data-apply] button").click()
    expect(page.locator("h1")).to_have_text("Your certificates are renewed", timeout=_PATIENCE_MS)


@pytest.mark.timeout(_LONG_SECONDS)
def test_without_scripts_a_key_signs_elsewhere_and_everything_else_is_as_it_is(scene: PortalScene) -> None:
    page = without_scripts(scene, "plain-2")
    scene.apply(page, "signing")
    page.goto("/certificates")
    page.locator("tbody a").first.click()
    page.locator("main .actions").get_by_role("link", name="Revoke").click()
    line = page.locator("form[data-prove] pre").nth(1).inner_text()
    signature = must("/bin/sh", "-c", line.replace("key.pem", str(scene.folder / "own.key")))
    page.locator("#signature").fill(signature)
    page.get_by_role("button", name="Prove it").click()
    expect(page.get_by_role("status")).to_contain_text("is revoked", timeout=_PATIENCE_MS)

    page.goto("/devices/new/code")
    page.locator("main form button").click()
    page.locator("summary").first.click()
    expect(page.locator("pre").first).to_be_visible(timeout=_PATIENCE_MS)
    page.goto("/passkeys")
    page.locator("#label").fill("token")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("p.warning")).to_contain_text("switch JavaScript on", timeout=_PATIENCE_MS)
    for path in ("/history", "/download", "/certificates?status=revoked"):
        page.goto(path)
        expect(page.locator("tbody tr").first).to_be_visible(timeout=_PATIENCE_MS)
    page.goto("/password")
    for field, text in (("#old", PASSWORD), ("#new", _OTHER_PASSWORD), ("#again", _OTHER_PASSWORD)):
        page.locator(field).fill(text)
    page.locator('form[action="/password"] button').click()
    expect(page.get_by_role("status")).to_be_focused(timeout=_PATIENCE_MS)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible(timeout=_PATIENCE_MS)

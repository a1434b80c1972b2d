"""A key and a code that somebody makes at the portal in Chromium: certbot and curl use them until they are revoked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from conformance.browser import LANGUAGES, Browser, browser
from conformance.clients.certbot import Certbot
from conformance.house import House, must, run
from conformance.portal_steps import Hand, address_of, enter, press, tab

_TRUST = "/etc/ssl/soapstone/trust.pem"
"""As the lines to paste call it."""
_ORDERED = "最近申請："


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("house"), 'portal.gate="off"')
    try:
        built.start()
        yield built
        assert "Traceback" not in built.log, built.log[-4000:]
    finally:
        built.close()


@pytest.fixture(scope="module")
def chromium(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(house, tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def owner(house: House, chromium: Browser, account: str, language: str) -> Page:
    """The page of keys and codes of somebody who has just chosen a password, and owns a zone."""
    given = ("--kind", "partner", "--account", account, "--subject", "CN=panel,C=TW", "--language", language)
    sheet = house.register(*given, "--zone", "panel.example", "--profile", "tls-server", "--profile", "device")
    page = chromium.portal_page(language)
    enter(page, address_of(sheet), Hand())
    tab(page, "/devices")
    return page


def make(page: Page, what: str, note: str, names: str, *profiles: str) -> list[str]:
    """Make a key or a code, limited to names and profiles; return what is shown once."""
    press(page.locator(f'main a[href="/devices/new/{what}"]'))
    page.locator("#note").fill(note)
    page.locator("#names").fill(names)
    for profile in profiles:
        page.locator(f'[name="profiles"][value="{profile}"]').check()
    press(page.locator("main form button"))
    return page.locator("code.secret").all_inner_texts()


def revoke(page: Page, note: str) -> None:
    """Revoke what is called so."""
    tab(page, "/devices")
    press(page.get_by_role("row").filter(has_text=note).locator('a[href$="/revoke"]'))
    press(page.locator("main form button"))
    expect(page.get_by_role("status")).to_be_visible()


def test_certbot_gets_certificates_with_a_key_of_the_page_until_it_is_revoked_there(
    house: House, chromium: Browser, tmp_path: Path
) -> None:
    page, certbot = owner(house, chromium, "panel", "zh-Hant"), Certbot(house, tmp_path)
    kid, mac_key = make(page, "key", "網站主機", "www.panel.example\nmail.panel.example")
    sheet = {"eab": {"kid": kid, "hmac_key": mac_key}}

    first = certbot.certonly("www.panel.example", sheet)
    tab(page, "/devices")
    expect(page.get_by_role("row").filter(has_text="網站主機")).to_contain_text(_ORDERED)
    revoke(page, "網站主機")
    stopped = certbot.certonly("mail.panel.example", sheet)

    assert first.returncode == 0, first.stderr
    must("openssl", "x509", "-in", certbot.live("www.panel.example"), "-noout", "-checkhost", "www.panel.example")
    assert stopped.returncode != 0
    assert "revoked" in stopped.stdout + stopped.stderr
    assert not certbot.live("mail.panel.example").exists()


@pytest.mark.parametrize("language", LANGUAGES)
def test_curl_enrolls_by_the_lines_of_the_page_until_the_code_is_revoked_there(
    house: House, chromium: Browser, tmp_path: Path, language: str
) -> None:
    page = owner(house, chromium, f"meter-{language.lower()}", language)
    name = f"m-{language.lower()}.panel.example"
    make(page, "code", "電表 <1>", name, "device")
    page.locator("summary", has_text="curl").click()
    lines = page.get_by_label("curl", exact=True).inner_text().replace(_TRUST, str(house.trust))
    pasted = ("bash", "-ec", f"set -o pipefail\n{lines}")

    first = run(*pasted, cwd=tmp_path)
    issued = must("openssl", "x509", "-in", tmp_path / "cert.pem", "-noout", "-ext", "subjectAltName")
    revoke(page, "電表 <1>")
    stopped = run(*pasted, cwd=tmp_path)

    assert first.returncode == 0, first.stderr
    assert f"DNS:{name}" in issued
    assert stopped.returncode != 0
    assert "403" in stopped.stderr

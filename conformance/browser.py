"""Debian's Chromium at the desk: it shows an officer's certificate, and trusts this house's root and no other.

Where a certificate is shown, playwright speaks TLS for the browser and verifies the server as Node.js does: against
what NODE_EXTRA_CA_CERTS names when it starts. Elsewhere Chromium asks the NSS database in its HOME. So each house
has a browser of its own, and no check is turned off.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, Locator, Page, sync_playwright

from conformance.house import House, client, must

LANGUAGES = {"en": "en-GB", "zh-Hant": "zh-TW"}
"""What a browser asks for, by the language that a page then has."""
WIDE, NARROW = 1280, 360
_HEIGHT = 800
_WAIT_MS = 15_000
_START_MS = 60_000
_MOST_TABS = 150
_ACCESSIBLE = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    "resultTypes": ["violations"],
}


class Officer(NamedTuple):
    """Who sits before the browser, and the file that was loaded into it."""

    name: str
    p12: Path
    passphrase: str


class Browser:
    """One Chromium for one house; pages of several officers and languages beside each other."""

    def __init__(self, house: House, chromium: Chromium, folder: Path) -> None:
        self.house = house
        self._chromium = chromium
        self._folder = folder
        self._contexts: list[BrowserContext] = []

    @property
    def url(self) -> str:
        """The desk's, without a slash at its end."""
        return f"https://localhost:{self.house.port + 2}"

    def take_on(self, name: str, role: str = "officer", *options: str) -> Officer:
        """Take an officer on whose key and certificate come in a file."""
        path = self._folder / f"{name}.p12"
        made = self.house.command("officer", "add", name, "--role", role, "--p12", str(path), *options, "--json")
        return Officer(name, path, json.loads(made)["passphrase"])

    def desk_page(
        self, officer: Officer | None, language: str = "en", *, javascript: bool = True, width: int = WIDE
    ) -> Page:
        """A page that shows nothing yet, in a session of its own; `goto("/")` is the desk.

        Args:
            officer: whose certificate is shown; None has none.
            language: what the browser asks for, one of `LANGUAGES`.
        """
        shown = [{"origin": self.url, "pfxPath": officer.p12, "passphrase": officer.passphrase}] if officer else None
        return self._page(self.url, language, javascript=javascript, width=width, client_certificates=shown)

    def portal_page(
        self, language: str = "en", *, javascript: bool = True, width: int = WIDE, dark: bool = False
    ) -> Page:
        """A page that shows nothing yet, in a session of its own; `goto("/")` is the portal's first page."""
        url = f"https://localhost:{self.house.port}"
        return self._page(url, language, javascript=javascript, width=width, color_scheme="dark" if dark else "light")

    def _page(self, url: str, language: str, *, javascript: bool, width: int, **more: Any) -> Page:
        context = self._chromium.new_context(
            base_url=url,
            locale=LANGUAGES[language],
            timezone_id="Asia/Taipei",
            java_script_enabled=javascript,
            viewport={"width": width, "height": _HEIGHT},
            **more,
        )
        context.set_default_timeout(_WAIT_MS)
        self._contexts.append(context)
        return context.new_page()

    def close_pages(self) -> None:
        """End every session; downloads that nobody kept are gone."""
        while self._contexts:
            self._contexts.pop().close()


@contextmanager
def browser(house: House, folder: Path, *, trust: Path | None = None) -> Iterator[Browser]:
    """A browser for the length of the block, with its home in the folder.

    Args:
        trust: the only root it is told of; by default, the house's.
    """
    anchor = trust or house.trust
    store = folder / ".pki" / "nssdb"
    store.mkdir(parents=True)
    must("certutil", "-d", f"sql:{store}", "-N", "--empty-password")
    must("certutil", "-d", f"sql:{store}", "-A", "-t", "C,,", "-n", "root", "-i", anchor)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NODE_EXTRA_CA_CERTS", str(anchor))
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(
                executable_path=client("chromium"),
                args=["--no-sandbox", "--disable-background-networking"],
                env={**os.environ, "HOME": str(folder)},
                timeout=_START_MS,
            )
            opened = Browser(house, chromium, folder)
            try:
                yield opened
            finally:
                opened.close_pages()
                chromium.close()


def barriers(page: Page) -> list[str]:
    """What keeps somebody out of a page, by WCAG 2.2 AA and what axe thinks good practice: rule and place.

    Args:
        page: with JavaScript, without which axe never ends.
    """
    found = Axe().run(page, options=_ACCESSIBLE).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def tab_to(target: Locator) -> None:
    """Press Tab until something has the focus."""
    for _ in range(_MOST_TABS):
        if target.evaluate("element => element === document.activeElement"):
            return
        target.page.keyboard.press("Tab")
    raise AssertionError(f"{_MOST_TABS} times Tab lead nowhere near {target}")


def type_into(target: Locator, text: str) -> None:
    """Write into a field as somebody does who has no mouse; what it held is gone."""
    tab_to(target)
    target.page.keyboard.press("Control+a")
    target.page.keyboard.type(text)


def press(target: Locator) -> None:
    """Follow a link or press a button by the keyboard."""
    tab_to(target)
    target.page.keyboard.press("Enter")


def follow(target: Locator) -> None:
    """Press it, and wait for the page that it leads to."""
    tab_to(target)
    with target.page.expect_navigation():
        target.page.keyboard.press("Enter")

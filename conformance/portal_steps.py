"""What a subscriber does at the portal, one thing after the other, by what is seen on its pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from playwright.sync_api import Locator, Page, expect

from conformance.house import House, must
from conformance.openssl import verifies

PASSWORD = "lobster paints nine moons"
PASSPHRASE = "violet tractor hums 9"
PAIR = ("signing", "encryption")
LOADED_MS = 60_000
"""How long keys and files may take on a machine that does much else."""


class Hand:
    """Somebody's hand on the keyboard.

    Attributes:
        typed: what each field is called into which something was typed, in that order.
    """

    def __init__(self) -> None:
        self.typed: list[str] = []

    def type(self, field: Locator, text: str) -> None:
        """Type a text into an empty field."""
        expect(field).to_have_value("")
        field.fill(text)
        self.typed.append(field.get_attribute("id") or "")


class Opened(NamedTuple):
    """What OpenSSL finds in a PKCS #12.

    Attributes:
        pem: of everything in it.
        key: in PEM, without a passphrase.
    """

    pem: Path
    key: Path
    certificate: Path

    @property
    def serial(self) -> str:
        """As the pages write it."""
        printed = must("openssl", "x509", "-in", self.certificate, "-noout", "-serial")
        return printed.strip().removeprefix("serial=").lower()

    @property
    def private_key(self) -> object:
        """The key, read."""
        return load_pem_private_key(self.key.read_bytes(), None)


def register(house: House, account: str, language: str, *options: str) -> str:
    """Register a person; return the address that the sheet's QR code holds, with account and password in it."""
    sheet = house.register(
        *("--kind", "person", "--subject", "CN=王小明,O=範例股份有限公司,C=TW", "--account", account),
        *("--language", language, *options),
    )
    return address_of(sheet)


def address_of(sheet: Mapping[str, str]) -> str:
    """What the QR code of a sheet holds."""
    fragment = urlencode({"account": sheet["account"], "password": sheet["initial_password"]})
    return f"{sheet['portal_url']}#{fragment}"


def enter(page: Page, address: str, hand: Hand) -> None:
    """Open the address of a sheet's QR code, and choose a password."""
    page.goto(address)
    page.wait_for_url("**/sign-in", timeout=LOADED_MS)
    press(page.locator("form[data-sign-in] button"))
    (initial,) = parse_qs(urlsplit(address).fragment)["password"]
    hand.type(page.locator("#old"), initial)
    hand.type(page.locator("#new"), PASSWORD)
    hand.type(page.locator("#again"), PASSWORD)
    press(page.locator('form[action="/password"] button'))
    expect(page.locator("nav.tabs")).to_be_visible()


def sign_in(page: Page, account: str, password: str = PASSWORD) -> None:
    """Sign in with account and password, as far as that leads."""
    page.goto("/sign-in")
    page.locator("#account").fill(account)
    page.locator("#password").fill(password)
    press(page.locator("form[data-sign-in] button"))


def press(button: Locator) -> None:
    """Press it, and wait for the page that it leads to, once what goes before it in the browser is done."""
    with button.page.expect_navigation(timeout=LOADED_MS):
        button.click()


def tab(page: Page, path: str) -> None:
    """Choose one of the portal's pages by its tab."""
    press(page.locator(f'nav.tabs a[href="{path}"]'))


def ask(page: Page, hand: Hand, *, key_type: str = "") -> None:
    """Send the form for certificates with keys that are made here, and accept what has to be.

    Args:
        key_type: what is chosen for each, such as `ec-p256`; empty: what is recommended.
    """
    form = page.locator("form[data-apply]")
    for choice in form.locator("[data-key-type]").all() if key_type else ():
        choice.select_option(key_type)
    hand.type(form.locator("[data-passphrase]"), PASSPHRASE)
    hand.type(form.locator("[data-passphrase-again]"), PASSPHRASE)
    agreement = form.locator('[name="agreement"]')
    if agreement.count():
        agreement.check()
    form.locator("button").last.click()


def files(page: Page, folder: Path, profiles: Sequence[str] = PAIR) -> dict[str, Path]:
    """Save the PKCS #12 of each profile, once the page has made it."""
    folder.mkdir(parents=True, exist_ok=True)
    return {
        profile: saved(page.locator(f'[data-pkcs12][data-profile="{profile}"] [data-file]'), folder)
        for profile in profiles
    }


def saved(link: Locator, folder: Path) -> Path:
    """Save what a link downloads, under the name that it proposes."""
    expect(link).to_be_visible(timeout=LOADED_MS)
    with link.page.expect_download() as download:
        link.click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def opened(file: Path) -> Opened:
    """What OpenSSL makes of a PKCS #12: the first certificate is the key's."""
    folder = file.parent
    its = Opened(*(folder / f"{file.stem}.{end}" for end in ("all.pem", "key.pem", "certificate.pem")))
    must("openssl", "pkcs12", "-in", file, "-passin", f"pass:{PASSPHRASE}", "-nodes", "-out", its.pem)
    must("openssl", "pkey", "-in", its.pem, "-out", its.key)
    must("openssl", "x509", "-in", its.pem, "-out", its.certificate)
    return its


def require_whole(its: Opened, house: House, *, at_its_start: bool = False) -> None:
    """The key is the certificate's, and the chain leads to the anchor, now or when the certificate begins."""
    key = must("openssl", "pkey", "-in", its.key, "-pubout")
    assert must("openssl", "x509", "-in", its.certificate, "-noout", "-pubkey") == key
    assert verifies(house, its.certificate, untrusted=its.pem, at_its_start=at_its_start)

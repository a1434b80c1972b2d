"""RULES, S8 to S10, by the pages: before the window, inside it, after the end, and after that of the registration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from conformance.browser import Browser, browser
from conformance.clients.device import Device
from conformance.house import House, must
from conformance.portal_steps import (
    PAIR,
    Hand,
    address_of,
    ask,
    enter,
    files,
    opened,
    press,
    require_whole,
    saved,
    sign_in,
    tab,
)

_DAY_SECONDS = 86_400
_LIFE_DAYS, _WINDOW_DAYS, _VETTED_DAYS = 40, 30, 80
_BEFORE, _INSIDE, _AFTER, _UNVETTED = 1, 11, 53, 81
"""Days from the first certificates on; those of the second pair begin with `_INSIDE`."""
_WORDS = {
    "en": (
        "You hold this certificate. It can be renewed from this time on:",
        "It has expired and cannot be renewed.",
        "new password sheet",
    ),
    "zh-Hant": ("您持有此憑證，可展期的起始時間：", "憑證已到期，無法展期。", "密碼單"),
}
_SETTINGS = (
    'portal.gate="off"',
    f"profiles.signing.validity_seconds={_LIFE_DAYS * _DAY_SECONDS}",
    f"profiles.encryption.validity_seconds={_LIFE_DAYS * _DAY_SECONDS}",
    f"kinds.person.registration_days={_VETTED_DAYS}",
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("house"), *_SETTINGS)
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


class Holder:
    """Somebody who comes back to the portal again and again.

    Attributes:
        first: the pair with which it begins, by EST, which takes less time than by the pages.
    """

    def __init__(self, house: House, chromium: Browser, language: str, folder: Path) -> None:
        self.account, self.language, self.folder = f"wang-{language.lower()}", language, folder / language
        self.page: Page = chromium.portal_page(language)
        person = ("--kind", "person", "--subject", "CN=王小明,O=範例股份有限公司,C=TW", "--account", self.account)
        sheet = house.register(*person, "--language", language)
        self.first = {profile: Device(house, self.folder / profile) for profile in PAIR}
        for profile, device in self.first.items():
            device.new_key(*(() if profile == "signing" else ("RSA", "rsa_keygen_bits:2048")))
            device.ask("/CN=any")
            assert device.enroll(sheet, profile) == 200
        enter(self.page, address_of(sheet), Hand())

    def come_to(self, path: str) -> None:
        """Sign in after a while, and choose a page."""
        sign_in(self.page, self.account)
        tab(self.page, path)

    def fetch(self, certificate: Path) -> str:
        """Fetch a certificate again."""
        tab(self.page, "/download")
        link = self.page.locator(f'a[href="/certificates/{serial_in(certificate)}/file/pem"]')
        return saved(link, self.folder / "again").read_text()


@pytest.fixture(scope="module")
def holders(house: House, chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> list[Holder]:
    return [Holder(house, chromium, language, tmp_path_factory.mktemp("holder")) for language in ("zh-Hant", "en")]


@pytest.mark.timeout(480)
def test_a_pair_is_renewed_in_its_window_and_applied_for_anew_after_its_end(
    house: House, holders: list[Holder]
) -> None:
    """One clock for both of them, so that everything is in one test."""
    for days, looks in (
        (_BEFORE, is_told_the_date),
        (_INSIDE, renews_both),
        (_AFTER, is_told_to_apply),
        (_UNVETTED, is_told_to_be_registered),
    ):
        house.move_clock(days=days)
        for holder in holders:
            looks(house, holder)
    applies_with_a_new_sheet(house, holders[0])


def is_told_the_date(house: House, holder: Holder) -> None:
    """For both certificates alike; and nothing is there to send."""
    holder.come_to("/renew")

    page = holder.page
    expect(page.get_by_text(_WORDS[holder.language][0])).to_have_count(len(PAIR))
    for one in house.certificates(holder.account):
        opens = datetime.fromisoformat(one["not_after"]) - timedelta(days=_WINDOW_DAYS)
        shown = page.locator(f'main time[datetime="{opens:%Y-%m-%dT%H:%M:%SZ}"]').first
        expect(shown).to_contain_text(in_words(opens, holder.language))
    expect(page.locator("form[data-apply]")).to_have_count(0)
    tab(page, "/apply")
    expect(page.locator("form[data-apply]")).to_have_count(0)


def serial_in(certificate: Path) -> str:
    """As the pages write it."""
    return must("openssl", "x509", "-in", certificate, "-noout", "-serial").strip().removeprefix("serial=").lower()


def pem_in(file: Path) -> str:
    """The first certificate of a file."""
    return must("openssl", "x509", "-in", file)


def in_words(at: datetime, language: str) -> str:
    """A day as people write it."""
    return f"{at.year}年{at.month}月{at.day}日" if language == "zh-Hant" else f"{at:%b} {at.day}, {at.year}"


def renews_both(house: House, holder: Holder) -> None:
    """One form offers the same for both; the old certificates stay good, and are fetched again."""
    holder.come_to("/renew")
    form = holder.page.locator("form[data-apply]")
    expect(form.locator('[name="profile"]:checked')).to_have_count(len(PAIR))
    offers = [sorted(values_in(part)) for part in form.locator("fieldset").all()]

    ask(holder.page, Hand(), key_type="ec-p256")
    made = {profile: opened(file) for profile, file in files(holder.page, holder.folder).items()}

    assert offers[0] == offers[1]
    for profile, its in made.items():
        require_whole(its, house, at_its_start=True)
        assert its.key.read_text() != holder.first[profile].key.read_text()
    held = {one["serial"]: one["status"] for one in house.certificates(holder.account)}
    assert held.keys() == {its.serial for its in made.values()} | {
        serial_in(device.certificate) for device in holder.first.values()
    }
    assert not {"expired", "revoked"} & set(held.values())
    for device in holder.first.values():
        assert holder.fetch(device.certificate) == pem_in(device.certificate)


def values_in(part: Locator) -> list[str]:
    """What can be chosen of keys."""
    values: list[str] = part.locator("option").evaluate_all("options => options.map(option => option.value)")
    return values


def is_told_to_apply(_: House, holder: Holder) -> None:
    """What has expired renews nothing, and the page leads to where both are applied for; it is fetched all the same."""
    holder.come_to("/renew")
    page = holder.page
    expect(page.get_by_text(_WORDS[holder.language][1])).to_have_count(len(PAIR))
    expect(page.locator("form[data-apply]")).to_have_count(0)

    press(page.locator('main a[href="/apply"]').first)

    expect(page.locator('form[data-apply] [name="profile"]:checked')).to_have_count(len(PAIR))
    certificate = holder.first["signing"].certificate
    assert holder.fetch(certificate) == pem_in(certificate)


def is_told_to_be_registered(_: House, holder: Holder) -> None:
    """The vetting has ended, and who brings the right password is told what to do."""
    sign_in(holder.page, holder.account)

    expect(holder.page.locator("main")).to_contain_text(_WORDS[holder.language][2])
    expect(holder.page.locator("nav.tabs")).to_have_count(0)


def applies_with_a_new_sheet(house: House, holder: Holder) -> None:
    """The registration authority has registered its holder anew."""
    sheet: dict[str, Any] = json.loads(house.command("renew-registration", holder.account, "--json"))
    enter(holder.page, address_of(sheet), Hand())
    tab(holder.page, "/apply")
    holder.page.locator('[name="profile"][value="encryption"]').uncheck()
    ask(holder.page, Hand(), key_type="ec-p256")
    (file,) = files(holder.page, holder.folder / "anew", ["signing"]).values()

    require_whole(opened(file), house, at_its_start=True)

"""Officers at their pages, in Debian's Chromium: what they do there opens and shuts the doors.

Whoever walks here has a keyboard and no mouse, and most of them have JavaScript switched off.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from conformance import acme
from conformance.browser import LANGUAGES, Browser, Officer, barriers, browser, follow, press, tab_to, type_into
from conformance.clients.device import Device
from conformance.house import House, must

_SETTINGS = ("kinds.partner.approvals.register=1", "kinds.organization.revocation=review", "profiles.device.hold=true")
_CODE = re.compile(r"(?:[A-Z0-9]{4}-){5}[A-Z0-9]{4}")
_DEVICES = 200
_ANOTHER = {"en": "another officer", "zh-Hant": "另一位承辦人員"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("house"), *_SETTINGS)
    try:
        built.start()
        yield built
    finally:
        built.close()


@pytest.fixture(scope="module")
def chromium(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(house, tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def alice(chromium: Browser) -> Officer:
    return chromium.take_on("alice")


@pytest.fixture(scope="module")
def bob(chromium: Browser) -> Officer:
    return chromium.take_on("bob")


def button(page: Page, name: str | re.Pattern[str]) -> None:
    follow(page.get_by_role("button", name=name))


def link(page: Page, name: str) -> None:
    follow(page.get_by_role("link", name=name, exact=True).first)


def fill_in(page: Page, kind: str, **fields: str) -> None:
    """Open the form of a kind from the first page, write into its fields, and have it checked."""
    page.goto("/")
    follow(page.locator('nav a[href="/register"]'))
    follow(page.locator(f'a[href="/register/{kind}"]'))
    for name, text in fields.items():
        type_into(page.locator(f'[id="{name}"]'), text)
    follow(page.locator('button[name="step"][value="check"]'))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_person_is_registered_and_the_printed_sheet_opens_est(
    house: House, chromium: Browser, alice: Officer, tmp_path: Path, language: str
) -> None:
    page, account = chromium.desk_page(alice, language, javascript=False), f"wang-{len(language)}"

    fill_in(page, "person", subject="CN=王小明,O=範例,C=TW", account=account)
    checked = page.inner_text("main")
    with page.expect_download() as download:
        press(page.locator('button[name="as"][value="print"]'))
    paper = tmp_path / "sheet.pdf"
    download.value.save_as(paper)

    assert "王小明" in checked
    (code,) = set(_CODE.findall(must("pdftotext", "-layout", paper, "-")))
    device = Device(house, tmp_path / "device")
    assert device.enroll({"account": account, "enrollment_code": code}, "signing") == 200


def test_a_form_that_is_wrong_says_where_and_keeps_what_was_written(chromium: Browser, alice: Officer) -> None:
    page = chromium.desk_page(alice)

    fill_in(page, "person", subject="CN=Wang,C=XX", account="wrong-1")

    assert page.locator("#subject").input_value() == "CN=Wang,C=XX"
    assert page.locator('[role="alert"]').is_visible()
    assert page.locator('[role="alert"] a').first.get_attribute("href") == "#subject"
    assert barriers(page) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_partner_waits_for_a_second_officer_and_the_first_is_refused(
    house: House, chromium: Browser, alice: Officer, bob: Officer, language: str
) -> None:
    asking, deciding = (chromium.desk_page(officer, language, javascript=False) for officer in (alice, bob))
    account = f"panel-{len(language)}"

    fill_in(asking, "partner", subject="CN=panel,O=Example,C=TW", account=account)
    follow(asking.locator('button[name="step"][value="register"]'))
    number = asking.url.rpartition("/")[2]
    asking.goto(f"/requests/{number}")
    own = asking.inner_text("main")
    refused = house.attempt("show", account)
    offered = asking.locator(f'form[action="/requests/{number}/approve"]').count()
    deciding.goto("/requests")
    follow(deciding.locator(f'a[href="/requests/{number}"]').first)
    follow(deciding.locator(f'form[action="/requests/{number}/approve"] button'))
    asking.goto(f"/sheets/{number}")
    follow(asking.locator('button[name="as"][value="show"]'))
    kid, key = (asking.locator("code.secret").nth(-2).inner_text(), asking.locator("code.secret").nth(-1).inner_text())

    assert _ANOTHER[language] in own
    assert (refused.returncode, offered) == (1, 0)
    assert acme.Client(house).new_account({"kid": kid, "hmac_key": key}).status == 201


def test_whoever_asked_cannot_have_the_form_of_another_sent(chromium: Browser, house: House, alice: Officer) -> None:
    page = chromium.desk_page(alice)
    fill_in(page, "partner", subject="CN=other,O=Example,C=TW", account="other-1")
    follow(page.locator('button[name="step"][value="register"]'))
    number = page.url.rpartition("/")[2]
    token = page.locator('input[name="csrf"]').first.get_attribute("value") or ""

    forged = page.context.request.post(f"/requests/{number}/approve", form={"note": ""})
    own = page.context.request.post(f"/requests/{number}/approve", form={"csrf": token, "note": ""})

    assert forged.status == 400
    assert own.status == 403
    assert house.attempt("show", "other-1").returncode == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_request_to_revoke_is_reviewed_and_another_certificate_revoked_at_the_desk(
    house: House, chromium: Browser, bob: Officer, language: str
) -> None:
    asking, other = (f"{name}-{len(language)}" for name in ("shop", "mart"))
    client = firm(house, asking)
    _, der = client.certificate(f"www.{asking}.example")
    client.post(client.directory["revokeCert"], {"certificate": acme.b64(der), "reason": 4})
    firm(house, other).certificate(f"www.{other}.example")
    page = chromium.desk_page(bob, language, javascript=False)

    page.goto("/requests")
    row = page.get_by_role("row").filter(has_text=asking)
    follow(row.get_by_role("rowheader").get_by_role("link"))
    evidence = page.inner_text("main")
    follow(page.locator('form[action$="/approve"] button'))
    kept = [one["status"] for one in house.certificates(other)]
    page.goto(f"/registrations/{other}")
    follow(page.locator('th a[href^="/certificates/"]').first)
    follow(page.locator('a[href$="/revoke"]'))
    reason = page.locator('input[name="reason"][value="superseded"]')
    tab_to(page.locator('input[name="reason"]').first)
    while not reason.is_checked():
        page.keyboard.press("ArrowDown")
    follow(page.locator("main form button"))

    assert f"www.{asking}.example" in evidence
    assert kept == ["valid"]
    assert [one["status"] for account in (asking, other) for one in house.certificates(account)] == ["revoked"] * 2


def firm(house: House, account: str) -> acme.Client:
    """An organization with a zone of its account's name, and its ACME account."""
    subject = ("--kind", "organization", "--subject", f"CN={account},O=Shop,C=TW", "--account", account)
    sheet = house.register(*subject, "--zone", f"{account}.example")
    client = acme.Client(house)
    assert client.new_account(sheet["eab"]).status == 201
    return client


def test_a_suspended_subscriber_is_stopped_at_every_door(
    house: House, chromium: Browser, alice: Officer, tmp_path: Path
) -> None:
    sheet = house.register(
        *("--kind", "organization", "--subject", "CN=mill,O=Mill,C=TW", "--account", "mill-1"),
        *("--profile", "tls-server", "--profile", "device", "--zone", "mill.example"),
    )
    device, client = Device(house, tmp_path / "device"), acme.Client(house)
    assert device.enroll(sheet, "device") == 200
    assert client.new_account(sheet["eab"]).status == 201
    page = chromium.desk_page(alice, javascript=False)

    def doors() -> tuple[int, int, int, int]:
        """EST by code and by certificate, ACME by account and by EAB key."""
        held = Device(house, tmp_path / "other")
        shown = ("--cert", device.certificate, "--key", device.key)
        return (
            held.enroll(sheet, "device"),
            held.post("device/simplereenroll", *shown),
            client.new_order("www.mill.example").status,
            acme.Client(house).new_account(sheet["eab"]).status,
        )

    page.goto("/registrations/mill-1")
    link(page, "Suspend")
    button(page, "Suspend")
    shut = doors()
    said = page.inner_text("main")
    link(page, "Resume")
    button(page, "Resume")
    opened = client.new_order("www.mill.example").status

    assert set(shut) <= {401, 403}, shut
    assert "suspended" in said
    assert opened == 201


def test_two_hundred_devices_come_out_of_a_file_and_are_found_at_the_desk(
    house: House, chromium: Browser, alice: Officer, tmp_path: Path
) -> None:
    listed, result = tmp_path / "devices.csv", tmp_path / "result.jsonl"
    with listed.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["kind", "account", "subject"])
        rows.writerows(
            ["device", f"meter-{number:03}", f"CN=meter-{number:03},O=Fleet,C=TW"] for number in range(_DEVICES)
        )

    house.command("import", str(listed), "--result", str(result))
    page = chromium.desk_page(alice, javascript=False)
    page.goto("/registrations/meter-137")

    sheets = [json.loads(line) for line in result.read_text().splitlines()]
    assert len({one["enrollment_code"] for one in sheets}) == _DEVICES
    (sheet,) = [one for one in sheets if one["account"] == "meter-137"]
    assert Device(house, tmp_path / "device").enroll(sheet) == 200
    assert "CN=meter-137,O=Fleet,C=TW" in page.inner_text("main")

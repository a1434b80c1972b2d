"""A subscriber's certificates at the portal: fetched again, and revoked by their own key, as relying parties see it."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from conformance.browser import NARROW, WIDE, Browser, barriers, browser
from conformance.clients.device import Device
from conformance.desk import Page as Answer
from conformance.house import House, must
from conformance.subscriber import PASSWORD, Subscriber
from conformance.test_revocation import asked, entry

_SHOWN_SECONDS = 60
"""RULES, S11."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("house"), "portal.gate=off", "kinds.person.revocation=review")
    try:
        built.start()
        yield built
    finally:
        built.close()


@pytest.fixture(scope="module")
def chromium(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(house, tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture
def subscriber(house: House) -> Subscriber:
    sheet = house.register("--kind", "person", "--subject", "CN=王小明,O=範例,C=TW", "--uses", "unlimited")
    return Subscriber(house, sheet)


def certified(house: House, subscriber: Subscriber, folder: Path) -> Device:
    """The subscriber's key and signing certificate, by EST."""
    device = Device(house, folder)
    assert device.enroll(subscriber.sheet, "signing") == 200
    return device


def serial_of(device: Device) -> str:
    printed = must("openssl", "x509", "-in", device.certificate, "-noout", "-serial")
    return printed.strip().removeprefix("serial=").lower()


def saved(page: Answer, folder: Path) -> Path:
    """A file under the name that the server gives it."""
    (name,) = re.findall(r'attachment; filename="([A-Za-z0-9.-]+)"', page.headers["content-disposition"])
    path = folder / str(name)
    path.write_bytes(page.body)
    return path


def test_openssl_opens_every_file_and_the_chain_verifies(house: House, subscriber: Subscriber, tmp_path: Path) -> None:
    device = certified(house, subscriber, tmp_path / "device")
    subscriber.enter()
    place = f"/certificates/{serial_of(device)}/file"

    pem, der, p7b, full, chain = (
        saved(subscriber.get(f"{place}/{form}"), tmp_path) for form in ("pem", "der", "p7b", "fullchain", "chain")
    )

    fingerprint = must("openssl", "x509", "-in", device.certificate, "-noout", "-fingerprint", "-sha256")
    for options in (("-in", pem), ("-inform", "DER", "-in", der), ("-in", full)):
        assert must("openssl", "x509", *options, "-noout", "-fingerprint", "-sha256") == fingerprint
    assert must("openssl", "pkcs7", "-inform", "DER", "-in", p7b, "-print_certs").count("BEGIN CERTIFICATE") == 3
    assert must("openssl", "verify", "-CAfile", house.trust, "-untrusted", full, pem)
    assert must("openssl", "verify", "-CAfile", chain, pem)


def test_the_key_revokes_at_once_and_crl_and_ocsp_show_it_within_a_minute(
    house: House, subscriber: Subscriber, tmp_path: Path
) -> None:
    device = certified(house, subscriber, tmp_path / "device")
    serial = serial_of(device)
    subscriber.enter()
    page = subscriber.get(f"/certificates/{serial}/revoke")
    (line,) = re.findall(r"printf .*", html.unescape(page.text))
    line = line.removesuffix("</pre>").replace("key.pem", str(device.key))
    signature = must("/bin/sh", "-c", line)

    page = subscriber.fill(page, f"/certificates/{serial}/prove", signature=signature)

    assert "The certificate is revoked;" in page.text
    deadline = time.monotonic() + _SHOWN_SECONDS
    while "Key Compromise" not in entry(house, serial) or ": revoked" not in asked(house, device.certificate, tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_without_the_key_it_waits_for_an_officer_whose_answer_is_shown(
    house: House, subscriber: Subscriber, tmp_path: Path
) -> None:
    serial = serial_of(certified(house, subscriber, tmp_path / "device"))
    subscriber.enter()
    place = f"/certificates/{serial}"

    page = subscriber.fill(
        subscriber.get(f"{place}/revoke"), f"{place}/revoke", reason="keyCompromise", confirmed="yes"
    )

    assert "An officer looks at it, by" in page.text
    (number,) = re.findall(r'<th scope="row"[^>]*>(\d+)</th>', page.text)
    house.command("requests", "approve", number)
    assert "approved" in subscriber.get("/revoke").text
    assert "revoked" in subscriber.get("/certificates?status=revoked").text


def pages_of(serial: str) -> list[str]:
    return ["/certificates", f"/certificates/{serial}", "/download", "/revoke", f"/certificates/{serial}/revoke"]


def entered(chromium: Browser, house: House, subscriber: Subscriber, language: str = "en", width: int = WIDE) -> Page:
    """A page of Chromium's in which somebody is signed in whose password is chosen."""
    page = chromium.desk_page(None, language, width=width)
    page.goto(f"https://localhost:{house.port}/sign-in")
    page.locator("[name=account]").fill(subscriber.sheet["account"])
    page.locator("[name=password]").fill(PASSWORD)
    with page.expect_navigation():
        page.locator("form[action='/sign-in'] button").last.click()
    return page


def test_the_key_signs_in_the_tab_and_stays_there(
    chromium: Browser, house: House, subscriber: Subscriber, tmp_path: Path
) -> None:
    device = certified(house, subscriber, tmp_path / "device")
    serial = serial_of(device)
    subscriber.enter()
    page, sent = entered(chromium, house, subscriber), []
    page.on("request", lambda request: sent.append(request.post_data or ""))
    page.goto(f"https://localhost:{house.port}/certificates/{serial}/revoke")

    page.get_by_label("File with the private key").set_input_files(device.key)
    with page.expect_navigation():
        page.get_by_role("button", name="Prove it, and revoke at once").click()

    expect(page.get_by_role("status")).to_contain_text("The certificate is revoked;")
    (body,) = filter(None, sent)
    key = device.key.read_text().splitlines()[1]
    assert "proof=" in body
    assert key[:16] not in body
    assert house.certificates(subscriber.sheet["account"])[0]["status"] == "revoked"


def test_another_key_is_told_apart_in_the_tab(
    chromium: Browser, house: House, subscriber: Subscriber, tmp_path: Path
) -> None:
    serial = serial_of(certified(house, subscriber, tmp_path / "device"))
    other = Device(house, tmp_path / "other")
    subscriber.enter()
    page = entered(chromium, house, subscriber)
    page.goto(f"https://localhost:{house.port}/certificates/{serial}/revoke")

    page.get_by_label("File with the private key").set_input_files(other.key)
    page.get_by_role("button", name="Prove it, and revoke at once").click()

    expect(page.get_by_text("The key in the file belongs to another certificate.")).to_be_visible()
    assert house.certificates(subscriber.sheet["account"])[0]["status"] == "valid"


@pytest.mark.parametrize("shown", [("en", WIDE), ("zh-Hant", NARROW)])
def test_nothing_keeps_anybody_out_of_the_pages_and_they_fit(
    chromium: Browser, house: House, subscriber: Subscriber, tmp_path: Path, shown: tuple[str, int]
) -> None:
    serial = serial_of(certified(house, subscriber, tmp_path / "device"))
    subscriber.enter()
    page, found = entered(chromium, house, subscriber, *shown), []
    for place in pages_of(serial):
        page.goto(f"https://localhost:{house.port}{place}")
        found += [(place, barrier) for barrier in barriers(page)]
        room = page.evaluate("document.documentElement.clientWidth - document.documentElement.scrollWidth")
        found += [(place, "wider than the window")] if room < 0 else []

    assert found == []

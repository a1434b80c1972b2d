"""curl and openssl enroll, renew and are refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conformance import pkilint
from conformance.clients.device import Device, ca_certificates
from conformance.house import House, must
from conformance.openssl import subject_of, verifies

REGISTERED = "CN=A123456789-63-YIRU,OU=RD,OU=RD2,OU=TWCA,O=TWCA,C=TW"
CHINESE = "CN=王小明,OU=資訊處,O=臺灣網路認證股份有限公司,C=TW"


@pytest.fixture
def device(house: House, tmp_path: Path) -> Device:
    return Device(house, tmp_path / "device")


def test_a_device_enrolls_with_its_code(house: House, device: Device, tmp_path: Path) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=sensor-1,O=Fleet,C=TW")

    status = device.enroll(sheet)

    assert status == 200
    assert verifies(house, device.certificate, untrusted=ca_certificates(house, tmp_path))
    assert pkilint.certificate_errors(device.certificate) == ""


@pytest.mark.parametrize("subject", [REGISTERED, CHINESE])
@pytest.mark.parametrize("asked", ["/CN=somebody else/O=Evil", "/"], ids=["another subject", "no subject"])
def test_the_registered_subject_comes_out_as_registered(house: House, device: Device, subject: str, asked: str) -> None:
    sheet = house.register("--kind", "person", "--subject", subject)
    device.ask(asked)

    status = device.enroll(sheet, "signing")

    assert status == 200
    assert subject_of(device.certificate) == subject


def test_a_pair_is_enrolled_with_one_code_and_two_keys(house: House, tmp_path: Path) -> None:
    sheet = house.register("--kind", "person", "--subject", REGISTERED, "--email", "yiru@example.com")
    signing, encryption = Device(house, tmp_path / "signing"), Device(house, tmp_path / "encryption")
    signing.ask("/CN=x", "subjectAltName=email:yiru@example.com")

    statuses = [signing.enroll(sheet, "signing"), encryption.enroll(sheet, "encryption")]

    assert statuses == [200, 200]
    assert "yiru@example.com" in must("openssl", "x509", "-in", signing.certificate, "-noout", "-email")


def test_a_pair_never_shares_a_key(house: House, device: Device) -> None:
    sheet = house.register("--kind", "person", "--subject", REGISTERED)
    device.enroll(sheet, "signing")

    status = device.enroll(sheet, "encryption")

    assert status == 400
    assert "make a new one" in device.said()


def test_a_repeated_request_gets_the_same_certificate_although_its_code_is_spent(house: House, device: Device) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=sensor,C=TW", "--uses", "1")
    device.enroll(sheet)
    first = device.certificate.read_text()

    status = device.enroll(sheet)

    assert (status, device.certificate.read_text()) == (200, first)
    assert len(house.certificates(sheet["account"])) == 1


def test_a_spent_code_brings_nothing_new(house: House, device: Device) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=sensor,C=TW", "--uses", "1")
    device.enroll(sheet)
    device.new_key()
    device.ask("/CN=sensor")

    status = device.enroll(sheet)

    assert status == 403
    assert "no uses left" in device.said()


def test_renewing_before_the_window_says_when_it_opens(house: House, device: Device) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=sensor,C=TW")
    device.enroll(sheet)
    held, key = device.keep()
    device.new_key()
    device.ask("/C=TW/CN=sensor")

    status = device.post("simplereenroll", "--cert", held, "--key", key)

    assert status == 429
    assert re.search(r"opens on \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", device.said())
    assert 59 * 86_400 < int(device.header("Retry-After") or 0) <= 60 * 86_400


@pytest.mark.parametrize("label", ["", "device"], ids=["without label", "with label"])
def test_a_device_renews_with_the_certificate_it_holds(
    house: House, device: Device, tmp_path: Path, label: str
) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=sensor,C=TW", "--dns", "sensor.example")
    device.ask("/CN=sensor", "subjectAltName=DNS:sensor.example")
    device.enroll(sheet, label)
    first = device.certificate.read_text()
    house.move_clock(days=61)
    device.ask_like(device.certificate)

    status = device.reenroll(label)

    assert status == 200, device.said()
    assert device.certificate.read_text() != first
    assert verifies(house, device.certificate, untrusted=ca_certificates(house, tmp_path), at_its_start=True)


def test_an_expired_certificate_renews_nothing_and_is_told_so(house: House, device: Device) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=sensor,C=TW")
    device.enroll(sheet)
    device.ask_like(device.certificate)
    house.move_clock(days=91)

    status = device.reenroll()

    assert status == 403
    assert "expired" in device.said()


def test_a_revoked_certificate_renews_nothing(house: House, device: Device) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=sensor,C=TW")
    device.enroll(sheet)
    house.command("revoke", house.certificates(sheet["account"])[0]["serial"], "--reason", "keyCompromise")
    device.ask_like(device.certificate)
    house.move_clock(days=61)

    status = device.reenroll()

    assert status == 403
    assert "revoked" in device.said()


def test_a_renewal_for_another_subject_is_refused(house: House, device: Device) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=sensor,C=TW")
    device.enroll(sheet)
    device.ask("/C=TW/CN=another sensor")
    house.move_clock(days=61)

    status = device.reenroll()

    assert 400 <= status < 500
    assert "subject differs" in device.said()


def test_suspending_stops_enrollment_and_renewal_within_a_second(house: House, device: Device) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=sensor,C=TW", "--uses", "unlimited")
    device.enroll(sheet)
    device.ask_like(device.certificate)
    house.move_clock(days=61)
    house.command("suspend", sheet["account"])

    statuses = [device.enroll(sheet), device.reenroll()]

    assert statuses == [403, 403]
    assert "suspended" in device.said()
    house.command("resume", sheet["account"])
    assert device.reenroll() == 200


def test_a_new_sheet_voids_the_one_before_at_once(house: House, device: Device) -> None:
    old = house.register("--kind", "device", "--subject", "CN=sensor,C=TW")
    house.command("sheet", old["account"])

    status = device.enroll(old)

    assert status == 401
    assert (device.header("WWW-Authenticate") or "").startswith("Basic ")

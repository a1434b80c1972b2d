"""EST's ways to a certificate, as curl and openssl meet them: labels, makers' certificates, gateways, late devices."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from conformance.clients.device import Device
from conformance.house import House, must, run
from conformance.maker import Maker, request_that_changes
from conformance.openssl import subject_of

_P384 = "ec_paramgen_curve:P-384"
_SETTINGS = (
    "profiles.device.renewal_grace_days=7",
    'est.labels.device.trust_anchors="makers.pem"',
    'est.labels.device.ra_clients={gateway=[".fleet.example"]}',
    "est.labels.tls-server.csrattrs=enforced",
    "est.renewal_info=true",
    'profiles.curved.based_on="device"',
    'profiles.curved.key_types=["ec-p384"]',
    'profiles.strong.based_on="device"',
    'profiles.strong.key_types=["ec-p384"]',
    "est.labels.strong.challenge_password=otp",
    'profiles.double.based_on="device"',
    "est.labels.double.client_certificate=required",
    'profiles.ra.based_on="device"',
    'profiles.ra.extended_key_usage=["clientAuth", "cmcRA"]',
    'profiles.gated.based_on="device"',
    'est.labels.gated.ra_clients={gatekeeper=[".fleet.example"]}',
    "est.labels.gated.ra_certificate=cmcRA",
)
_EVERY = ("device", "curved", "strong", "double", "tls-server", "ra", "gated")
_MAKER, _FOREIGN = Maker("Trusted"), Maker("Foreign")


class Est(NamedTuple):
    """The house, and one device that holds every profile."""

    house: House
    sheet: dict[str, str]

    def curl(self, *options: str | Path) -> str:
        """What curl prints of a request that anybody may send."""
        return must("curl", "--silent", "--show-error", "--cacert", self.house.trust, *options)


@pytest.fixture(scope="module")
def est(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Est]:
    house = House(tmp_path_factory.mktemp("house"), *_SETTINGS)
    (house.home / "makers.pem").write_bytes(_MAKER.cas())
    try:
        house.start()
        yield Est(house, register(house, "meter", "CN=meter,O=Fleet,C=TW", "meter.fleet.example", "meter.example"))
    finally:
        house.close()


def register(house: House, account: str, subject: str, *dns: str, device_id: str = "") -> dict[str, str]:
    options = [part for profile in _EVERY for part in ("--profile", profile)]
    options += [part for name in dns for part in ("--dns", name)]
    options += ["--device-id", device_id] if device_id else []
    return house.register(
        *("--kind", "device", "--account", account, "--subject", subject, "--uses", "unlimited", *options)
    )


def user(sheet: dict[str, str]) -> tuple[str, str]:
    return "-u", f"{sheet['account']}:{sheet['enrollment_code']}"


def test_the_ca_certificates_are_for_everybody_and_may_be_kept(est: Est, tmp_path: Path) -> None:
    """RFC 7030, 4.1: and what comes before them is short enough for every client (WIRE)."""
    url, headers, body = f"{est.house.est}/device/cacerts", tmp_path / "headers", tmp_path / "body"

    est.curl("--fail", "--dump-header", headers, "--output", body, url)
    block = headers.read_bytes()
    etag = next(line.split(": ")[1] for line in block.decode().splitlines() if line.lower().startswith("etag:"))
    again = est.curl("-H", f"If-None-Match: {etag}", "--write-out", "%{http_code} %{size_download}", url)

    assert again == "304 0"
    assert len(block) < 1024
    assert len(block.splitlines()) <= 15
    assert b"Cache-Control: public, max-age=3600" in block
    (tmp_path / "cas.p7").write_bytes(base64.b64decode(body.read_bytes()))
    printed = must("openssl", "pkcs7", "-inform", "DER", "-in", tmp_path / "cas.p7", "-print_certs", "-noout")
    assert printed.count("subject=") == 2


def test_the_attributes_of_a_request_are_read_by_openssl(est: Est, tmp_path: Path) -> None:
    """RFC 7030, 4.5; RFC 9908: for everybody by label, with the subject for who signs in, and none without either."""
    body, plain = tmp_path / "body", tmp_path / "csrattrs.der"

    without = est.curl("--write-out", "%{http_code} %{size_download}", f"{est.house.est}/csrattrs")
    kinds = est.curl("--fail", "-o", body, "-w", "%{http_code} %{content_type}", f"{est.house.est}/curved/csrattrs")
    plain.write_bytes(base64.b64decode(body.read_bytes()))
    anonymous = must("openssl", "asn1parse", "-inform", "DER", "-in", plain)
    size = len(body.read_bytes())
    est.curl("--fail", "-o", body, *user(est.sheet), f"{est.house.est}/curved/csrattrs")
    plain.write_bytes(base64.b64decode(body.read_bytes()))
    signed_in = must("openssl", "asn1parse", "-inform", "DER", "-in", plain)
    est.curl("--fail", "-o", body, f"{est.house.est}/strong/csrattrs")
    plain.write_bytes(base64.b64decode(body.read_bytes()))
    with_codes = must("openssl", "asn1parse", "-inform", "DER", "-in", plain)

    assert without == "204 0"
    assert kinds == "200 application/csrattrs"
    assert size <= 1024
    for seen in ("id-ecPublicKey", "secp384r1", "ecdsa-with-SHA256", "1.2.840.113549.1.9.16.2.61", "Extension Request"):
        assert seen in anonymous
    assert "PRINTABLESTRING   :TW" not in anonymous
    assert "PRINTABLESTRING   :TW" in signed_in
    # RFC 7894, 4: otpChallenge; RFC 9908, 4: beside a template it would be ignored.
    assert "1.2.840.113549.1.9.16.2.56" in with_codes
    assert "1.2.840.113549.1.9.16.2.61" not in with_codes


def test_what_the_attributes_demand_is_enforced(est: Est, tmp_path: Path) -> None:
    device, extended = Device(est.house, tmp_path, subject="/CN=meter"), "extendedKeyUsage=serverAuth"

    assert device.post("strong/simpleenroll", *user(est.sheet)) == 400
    assert "certifies no key of the type ec-p256; make one of the type ec-p384" in device.said()
    device.new_key(option=_P384)
    device.ask("/CN=meter")
    assert device.post("strong/simpleenroll", *user(est.sheet)) == 200
    assert device.post("tls-server/simpleenroll", *user(est.sheet)) == 400
    assert "with subjectAltName, extKeyUsage, as csrattrs says; this one lacks subjectAltName, ext" in device.said()
    device.ask("/CN=meter", "subjectAltName=DNS:meter.example", extended)
    assert device.post("tls-server/simpleenroll", *user(est.sheet)) == 200


def test_a_device_enrolls_with_what_its_maker_gave_it_and_renews_with_what_it_got(est: Est, tmp_path: Path) -> None:
    """RFC 7030, 2.2.1: under both versions of TLS."""
    register(est.house, "clock", "CN=clock,O=Fleet,C=TW", device_id="SN-1")
    register(est.house, "gauge", "CN=gauge,O=Fleet,C=TW", device_id="HW-2")
    clock, gauge = Device(est.house, tmp_path / "clock"), Device(est.house, tmp_path / "gauge")
    first = _MAKER.device(tmp_path / "1", "SN-1")
    second = _MAKER.device(tmp_path / "2", "SN-2", hardware=b"HW-2")

    assert clock.post("device/simpleenroll", *first, "--tls-max", "1.2") == 200
    assert gauge.post("simpleenroll", *second, "--tlsv1.3") == 200

    assert subject_of(clock.certificate) == "CN=clock,O=Fleet,C=TW"
    assert subject_of(gauge.certificate) == "CN=gauge,O=Fleet,C=TW"
    assert clock.post("device/simplereenroll", *first) == 403
    assert "enrolls and renews nothing" in clock.said()
    clock.ask_like(clock.certificate)
    assert clock.reenroll("device") == 429


def test_who_has_no_maker_that_is_trusted_or_no_registration_stays_out(est: Est, tmp_path: Path) -> None:
    device = Device(est.house, tmp_path / "device")

    assert device.post("device/simpleenroll", *_MAKER.device(tmp_path / "1", "SN-99")) == 403
    assert "names no device that is registered for this" in device.said()
    assert device.post("strong/simpleenroll", *_MAKER.device(tmp_path / "2", "SN-98")) == 403
    shown = _FOREIGN.device(tmp_path / "3", "SN-1")
    assert run("curl", "--cacert", est.house.trust, *shown, f"{est.house.est}/cacerts").returncode != 0


def test_the_doctor_says_whose_devices_are_trusted(est: Est) -> None:
    assert "makers' CAs     ok  2 for device" in est.house.command("doctor")


def test_a_gateway_brings_the_requests_of_its_zone_and_no_others(est: Est, tmp_path: Path) -> None:
    """RFC 7030, 3.7: an RA; the certificate is that of whom the request means."""
    gateway = Device(est.house, tmp_path / "gateway")
    assert gateway.enroll(register(est.house, "gateway", "CN=gateway,O=Fleet,C=TW"), "device") == 200
    held, key = gateway.keep()
    inside, outside = Device(est.house, tmp_path / "inside"), Device(est.house, tmp_path / "outside")
    inside.ask("/C=TW/O=Fleet/CN=meter", "subjectAltName=DNS:meter.fleet.example")
    outside.ask("/C=TW/O=Fleet/CN=meter", "subjectAltName=DNS:meter.example")

    assert inside.post("device/simpleenroll", "--cert", held, "--key", key) == 200
    assert outside.post("device/simpleenroll", "--cert", held, "--key", key) == 403

    assert subject_of(inside.certificate) == "CN=meter,O=Fleet,C=TW"
    assert "that of none of them" in outside.said()


def test_where_cmc_ra_is_wanted_the_gateways_other_certificates_ask_for_nobody(est: Est, tmp_path: Path) -> None:
    """RFC 6402, 2.10; with clientAuth beside it OpenSSL takes the certificate in the handshake."""
    sheet = register(est.house, "gatekeeper", "CN=gatekeeper,O=Fleet,C=TW")
    wanted = Device(est.house, tmp_path / "inside")
    for profile, status in (("device", 403), ("ra", 200)):
        gateway = Device(est.house, tmp_path / profile)
        assert gateway.enroll(sheet, profile) == 200
        held, key = gateway.keep()
        wanted.ask("/C=TW/O=Fleet/CN=meter", "subjectAltName=DNS:meter.fleet.example")

        assert wanted.post("gated/simpleenroll", "--cert", held, "--key", key) == status

    assert subject_of(wanted.certificate) == "CN=meter,O=Fleet,C=TW"


def test_a_code_stands_in_the_request_where_the_label_takes_it(est: Est, tmp_path: Path) -> None:
    sheet = register(est.house, "probe", "CN=probe,O=Fleet,C=TW")
    device = Device(est.house, tmp_path)
    device.new_key(option=_P384)
    for code, status in (("wrong", 401), (sheet["enrollment_code"], 200)):
        request = ["[req]", "prompt=no", "distinguished_name=dn", "attributes=attributes", "[dn]", "CN=probe"]
        request += ["[attributes]", f"challengePassword=probe:{code}"]
        (tmp_path / "otp.cnf").write_text("\n".join(request))
        asked = tmp_path / "request.der"
        must("openssl", "req", "-new", "-key", device.key, "-config", tmp_path / "otp.cnf", "-outform", "DER", "-out",
             asked)  # fmt: skip
        must("openssl", "base64", "-in", asked, "-out", device.request)

        assert device.post("strong/simpleenroll") == status


def test_a_label_that_needs_a_certificate_takes_no_code_alone(est: Est, tmp_path: Path) -> None:
    sheet = register(est.house, "valve", "CN=valve,O=Fleet,C=TW")
    device = Device(est.house, tmp_path)

    assert device.enroll(sheet, "double") == 403
    assert "needs TLS with a client certificate" in device.said()
    assert device.enroll(sheet, "device") == 200
    held, key = device.keep()
    device.new_key()
    device.ask("/CN=valve")
    assert device.post("double/simpleenroll", *user(sheet), "--cert", held, "--key", key) == 200


def test_a_renewal_changes_its_names_by_change_subject_name(est: Est, tmp_path: Path) -> None:
    """RFC 7030, 4.2.2; RFC 6402, 2.8."""
    sheet = register(est.house, "pump", "CN=pump,O=Fleet,C=TW", "a.example", "b.example")
    device = Device(est.house, tmp_path)
    device.ask("/CN=pump", "subjectAltName=DNS:a.example")
    assert device.enroll(sheet, "device") == 200
    held, key = device.keep()

    def asked(*names: str) -> int:
        device.request.write_bytes(base64.encodebytes(request_that_changes(held, *names)))
        return device.post("device/simplereenroll", "--cert", held, "--key", key)

    assert asked("c.example") == 403
    assert asked("a.example", "b.example") == 200

    printed = must("openssl", "x509", "-in", device.certificate, "-noout", "-ext", "subjectAltName")
    assert "DNS:a.example, DNS:b.example" in printed


def test_a_device_learns_when_to_renew_what_it_holds_and_what_is_revoked(est: Est, tmp_path: Path) -> None:
    """draft-ietf-lamps-est-renewal-info; RFC 8295, 3 and 4: read by curl and openssl."""
    device, body = Device(est.house, tmp_path), tmp_path / "answer"
    assert device.enroll(register(est.house, "scale", "CN=scale,O=Fleet,C=TW"), "device") == 200
    shown = _shown(device)

    def opened(path: str) -> Path:
        est.curl("--fail", "-o", body, *shown, f"{est.house.est}/device/{path}")
        (tmp_path / "p7").write_bytes(base64.b64decode(body.read_bytes()))
        must("openssl", "pkcs7", "-inform", "DER", "-in", tmp_path / "p7", "-print_certs", "-out", tmp_path / "pem")
        return tmp_path / "pem"

    advice = json.loads(est.curl("--fail", *shown, f"{est.house.est}/renewal-info"))
    held = [line for line in opened("eecerts").read_text().splitlines() if line.startswith("subject=")]
    crls = opened("crls").read_text()

    end = datetime.fromisoformat(must("openssl", "x509", "-in", device.certificate, "-noout", "-enddate", "-dateopt",
                                      "iso_8601").strip().partition("=")[2])  # fmt: skip
    start, stop = (datetime.fromisoformat(advice["suggestedWindow"][name]) for name in ("start", "end"))
    assert end - timedelta(days=30) <= start < stop <= end
    assert len(held) == 1
    assert crls.count("BEGIN X509 CRL") == 2


def test_a_device_that_comes_late_is_renewed_within_the_grace_and_not_after(est: Est, tmp_path: Path) -> None:
    devices = {"late": Device(est.house, tmp_path / "late"), "later": Device(est.house, tmp_path / "later")}
    for account, device in devices.items():
        assert device.enroll(register(est.house, account, f"CN={account},C=TW"), "device") == 200
        device.ask_like(device.certificate)

    est.house.move_clock(days=95)
    assert devices["late"].post("device/simpleenroll", *_shown(devices["late"])) == 403
    assert devices["late"].reenroll("device") == 200
    est.house.move_clock(days=99)
    assert devices["later"].reenroll("device") == 403
    assert "has expired and renews nothing" in devices["later"].said()
    est.house.move_clock(days=0)


def _shown(device: Device) -> tuple[str | Path, ...]:
    return "--cert", device.certificate, "--key", device.key

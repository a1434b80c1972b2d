"""Revocation as its users see it: certbot and curl ask, officers decide by command line, openssl reads the CRL."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from conformance.clients.certbot import Certbot
from conformance.clients.device import Device
from conformance.house import House, must
from conformance.openssl import fetch_crl

_CRL_SECONDS = 60
_DESK_SECONDS = 30
_WAITS = "is recorded and waits for the registration authority; there is nothing more to do"


@pytest.fixture
def reviewed(tmp_path: Path) -> Iterator[House]:
    """A house in which requests wait for an officer, a device's certificate on hold meanwhile."""
    house = House(tmp_path, "profiles.tls-server.revocation=reviewed", "profiles.device.revocation=reviewed-on-hold")
    house.start()
    yield house
    house.close()


def shop(house: House, certbot: Certbot) -> dict[str, Any]:
    sheet = house.register("--kind", "organization", "--subject", "CN=Shop,C=TW", "--dns", "shop.example")
    certbot.certonly("shop.example", sheet)
    return sheet


def requests(house: House, *options: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(house.command("requests", "list", "--json", *options))
    return listed


def entry(house: House, serial: str) -> str:
    """What the served CRL says of a serial, as openssl prints it; empty when it is not listed."""
    text = must("openssl", "crl", "-in", fetch_crl(house), "-noout", "-text")
    _, _, rest = text.partition(f"Serial Number: {serial.upper()}\n")
    return rest.partition("    Serial Number:")[0].partition("    Signature Algorithm:")[0]


def follows(house: House, serial: str, is_right: Callable[[str], bool]) -> str:
    """Wait for the CRL to say it, as long as a relying party would."""
    deadline = time.monotonic() + _CRL_SECONDS
    while not is_right(said := entry(house, serial)):
        assert time.monotonic() < deadline, f"the CRL did not follow within a minute: {said}"
        time.sleep(0.5)
    return said


def asked(house: House, certificate: Path, folder: Path) -> str:
    """What OCSP says of a certificate, as openssl prints it."""
    issuer = house.home / "authority" / "issuing.pem"
    url = f"{house.repository}/ocsp"
    return must(
        *("openssl", "ocsp", "-issuer", issuer, "-cert", certificate, "-url", url, "-CAfile", house.trust),
        *("-verify_other", issuer),
    )


def test_certbot_is_told_that_its_request_waits_and_an_officer_approves_it(reviewed: House, tmp_path: Path) -> None:
    certbot = Certbot(reviewed, tmp_path / "certbot")
    sheet = shop(reviewed, certbot)
    certificate = certbot.live("shop.example")
    command = ("revoke", "--cert-path", str(certificate), "--reason", "superseded")

    asked = [certbot(*command), certbot(*command)]

    for done in asked:
        assert done.returncode != 0
        assert f"request 1 {_WAITS}" in done.stderr + done.stdout
    assert certificate.exists(), "certbot removes what it believes to be revoked"
    (request,) = requests(reviewed)
    assert (request["account"], request["reason"], request["asker"]) == (sheet["account"], "superseded", "subscriber")
    approved = json.loads(reviewed.command("requests", "approve", "1", "--note", "form 12", "--json"))
    assert approved == {
        "request": 1,
        "kind": "revocation",
        "state": "approved",
        "revoked": [request["serial"]],
    }
    assert "Superseded" in follows(reviewed, request["serial"], bool)
    assert "already" in certbot(*command).stderr
    assert requests(reviewed) == []
    assert [one["note"] for one in requests(reviewed, "--all")] == ["form 12"]
    assert reviewed.attempt("requests", "reject", "1").stderr.strip().endswith("it is approved")


def test_who_holds_the_key_waits_for_nobody_when_it_is_compromised(reviewed: House, tmp_path: Path) -> None:
    certbot = Certbot(reviewed, tmp_path / "certbot")
    sheet = shop(reviewed, certbot)
    live = certbot.live("shop.example")
    (held,) = reviewed.certificates(sheet["account"])
    certbot("revoke", "--cert-path", str(live), "--reason", "superseded")
    key = ("--key-path", str(certbot.live("shop.example", "privkey.pem")))

    done = certbot("revoke", "--cert-path", str(live), *key, "--reason", "keycompromise", "--no-delete-after-revoke")

    assert done.returncode == 0, done.stderr
    assert "Key Compromise" in follows(reviewed, held["serial"], bool)
    assert [one["state"] for one in requests(reviewed, "--all")] == ["overtaken"]


def test_a_request_that_waits_too_long_is_called_for(reviewed: House, tmp_path: Path) -> None:
    certbot = Certbot(reviewed, tmp_path / "certbot")
    shop(reviewed, certbot)
    certbot("revoke", "--cert-path", str(certbot.live("shop.example")), "--reason", "superseded")
    assert not requests(reviewed)[0]["overdue"]

    reviewed.move_clock(days=6)

    assert requests(reviewed)[0]["overdue"]
    assert "OVERDUE" in reviewed.command("requests")
    deadline = time.monotonic() + _DESK_SECONDS
    while "event=revocation-request-overdue request=1" not in reviewed.log:
        assert time.monotonic() < deadline, "nobody was told"
        time.sleep(0.5)


def test_a_certificate_on_hold_proves_nothing_and_comes_back(house: House, tmp_path: Path) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=sensor,C=TW")
    device = Device(house, tmp_path / "device")
    device.enroll(sheet)
    (held,) = house.certificates(sheet["account"])
    device.ask_like(device.certificate)

    house.command("revoke", held["serial"], "--reason", "certificateHold", "--note", "lost and perhaps found")

    assert house.certificates(sheet["account"])[0]["status"] == "on hold"
    assert "Certificate Hold" in follows(house, held["serial"], bool)
    said = asked(house, device.certificate, tmp_path)
    assert ": revoked" in said
    assert "certificateHold" in said
    assert device.reenroll() == 403
    assert "on hold" in device.said()
    assert device.enroll(sheet) == 403

    house.command("revoke", held["serial"], "--reason", "removeFromCRL")

    assert house.certificates(sheet["account"])[0]["status"] == "valid"
    follows(house, held["serial"], lambda said: not said)
    assert ": good" in asked(house, device.certificate, tmp_path)
    assert device.reenroll() == 429
    assert house.attempt("release", held["serial"]).returncode == 1


def test_a_public_profile_knows_no_hold(house: House, tmp_path: Path) -> None:
    certbot = Certbot(house, tmp_path / "certbot")
    sheet = shop(house, certbot)
    (held,) = house.certificates(sheet["account"])

    done = house.attempt("revoke", held["serial"], "--reason", "certificateHold")

    assert done.returncode == 1
    assert "profile tls-server are never on hold" in done.stderr


def test_the_crl_says_since_when_a_certificate_is_invalid(house: House, tmp_path: Path) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=sensor,C=TW")
    Device(house, tmp_path / "device").enroll(sheet)
    (held,) = house.certificates(sheet["account"])

    command = ("revoke", held["serial"], "--reason", "keyCompromise", "--invalid-since")
    for date, hint in (
        ("2026-01-02", f"say {held['not_before']}"),
        ("0001-01-01T00:00:00+14:00", "is no date such as"),
        ("9999-01-01", "in the future"),
    ):
        refused = house.attempt(*command, date)
        assert refused.returncode != 0
        assert hint in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    house.command(*command, held["not_before"])

    said = follows(house, held["serial"], bool)
    assert "Key Compromise" in said
    assert f"{datetime.fromisoformat(held['not_before']):%b %e %H:%M:%S %Y} GMT" in said


def test_a_request_of_any_number_is_not_found_in_one_line(house: House) -> None:
    for command in ("approve", "reject"):
        done = house.attempt("requests", command, "99999999999999999999999")
        assert done.returncode == 1
        assert "there is no request 99999999999999999999999" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_many_are_revoked_after_a_dry_run(house: House, tmp_path: Path) -> None:
    sheets = [house.register("--kind", "device", "--subject", f"CN=sensor-{number},C=TW") for number in range(3)]
    for number, sheet in enumerate(sheets):
        Device(house, tmp_path / f"device-{number}").enroll(sheet)
    kept = house.certificates(sheets[0]["account"])[0]["serial"]
    serials = [house.certificates(sheet["account"])[0]["serial"] for sheet in sheets[1:]]
    file = tmp_path / "serials"
    file.write_text("\n".join([*serials, "ab" * 20]))
    command = ("revoke-many", "--serials", str(file), "--profile", "device", "--reason", "cessationOfOperation")

    dry = json.loads(house.command(*command, "--dry-run", "--json"))
    wrong = house.attempt(*command, "--count", "3")
    real = json.loads(house.command(*command, "--count", str(dry["count"]), "--json"))
    again = json.loads(house.command(*command, "--yes", "--json"))

    assert dry["count"] == 2
    assert sorted(row["serial"] for row in dry["certificates"]) == sorted(serials)
    assert dry["unknown"] == ["ab" * 20]
    assert wrong.returncode == 1
    assert "finds 2 certificates, not 3" in wrong.stderr
    assert (real["revoked"], again["revoked"]) == (2, 0)
    for serial in serials:
        assert "Cessation Of Operation" in follows(house, serial, bool)
    assert entry(house, kept) == ""


def test_the_servers_own_certificates_are_not_among_many(house: House, tmp_path: Path) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=sensor,C=TW")
    Device(house, tmp_path / "device").enroll(sheet)
    (held,) = house.certificates(sheet["account"])

    def found(*conditions: str) -> list[dict[str, Any]]:
        done = house.command("revoke-many", *conditions, "--reason", "superseded", "--dry-run", "--json")
        rows: list[dict[str, Any]] = json.loads(done)["certificates"]
        return rows

    assert [row["serial"] for row in found("--issuer", "issuing")] == [held["serial"]]
    assert [row["serial"] for row in found("--issued-until", held["not_before"][:10])] == [held["serial"]]
    assert {row["profile"] for row in found("--profile", "own-tls")} == {"own-tls"}


def test_a_compromised_key_takes_along_as_many_as_the_dry_run_says(house: House, tmp_path: Path) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=sensor,C=TW")
    device = Device(house, tmp_path / "device")
    device.enroll(sheet)
    device.ask_like(device.certificate)
    house.move_clock(days=61)
    assert device.reenroll() == 200
    first, renewed = house.certificates(sheet["account"])
    file = tmp_path / "serials"
    file.write_text(renewed["serial"])
    command = ("revoke-many", "--serials", str(file), "--reason", "keyCompromise")

    dry = json.loads(house.command(*command, "--dry-run", "--json"))
    real = json.loads(house.command(*command, "--count", str(dry["count"]), "--json"))

    assert {row["serial"]: row["same_key"] for row in dry["certificates"]} == {
        renewed["serial"]: False,
        first["serial"]: True,
    }
    assert (real["revoked"], real["passed_over"]) == (2, 0)


def test_the_key_of_an_expired_certificate_is_blocked_and_the_operator_is_told(house: House, tmp_path: Path) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=sensor,C=TW")
    Device(house, tmp_path / "device").enroll(sheet)
    (held,) = house.certificates(sheet["account"])
    house.move_clock(days=91)

    done = house.attempt("revoke", held["serial"], "--reason", "keyCompromise")

    assert done.returncode == 1
    assert "comes to no CRL, but its key is blocked for ever" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "key-blocked" in house.command("journal", "list", "--serial", held["serial"])


def test_nobody_revokes_many_without_looking(house: House) -> None:
    for options, hint in (
        (("--profile", "device", "--reason", "superseded"), "--dry-run first"),
        (("--reason", "superseded", "--yes"), "at least one condition"),
        (("--profile", "device", "--reason", "certificateHold", "--yes"), "no revocation reason"),
        (("--spki", "abc", "--reason", "superseded", "--yes"), "64 hex digits"),
        *(
            (("--issuer", "issuing", option, "", "--reason", "superseded", "--dry-run"), hint)
            for option, hint in (
                ("--account", "it is empty"),
                ("--profile", "it is empty"),
                ("--issuer", "it is empty"),
                ("--name", "it is empty"),
                ("--spki", "it is empty"),
                ("--issued-since", "is no date"),
                ("--issued-until", "is no date"),
                ("--serials", "No such file"),
            )
        ),
        (("--profile", "device", "--serials", "/dev/null", "--reason", "superseded", "--dry-run"), "holds no serial"),
    ):
        done = house.attempt("revoke-many", *options)
        assert done.returncode != 0
        assert hint in done.stderr
        assert len(done.stderr.splitlines()) == 1

"""Profiles of a settings file, issued over EST and read by openssl and GnuTLS; broken ones end every command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.clients.device import Device
from conformance.house import House, client, must

_PROFILES = """
[profiles.visitor]
based_on = "device"
validity_hours = 8
no_rev_avail = true
key_types = ["ec-p256"]

[profiles.shop]
based_on = "tls-server"
doors = ["est"]
must_staple = true
subject = []
renewal_window_days = 89

[profiles.staff]
based_on = "signing"
subject = ["CN", "C"]
policies = ["1.3.6.1.4.1.99999.1.2"]
cps_url = "https://pki.example/cps"
"""
_NAME = "shop.example"


def settle(house: House, *tables: str) -> None:
    """Write what an operator writes below the settings that `init` made."""
    settings = house.home / "soapstone.toml"
    settings.write_text("\n".join([settings.read_text(), *tables]))


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[House]:
    built = House(tmp_path)
    yield built
    built.close()


@pytest.fixture
def sheet(stopped: House) -> Iterator[dict[str, Any]]:
    settle(stopped, _PROFILES)
    stopped.start()
    profiles = [part for name in ("visitor", "shop", "staff") for part in ("--profile", name)]
    yield stopped.register(
        "--kind", "organization", "--subject", "CN=Shop,O=Example,C=TW", "--dns", _NAME, "--account", "shop", *profiles
    )
    stopped.close()


def openssl(device: Device) -> str:
    return must("openssl", "x509", "-in", device.certificate, "-noout", "-text")


def certtool(device: Device) -> str:
    return must(client("certtool"), "--certificate-info", "--infile", device.certificate)


def test_a_short_lived_certificate_says_that_no_revocation_is_told_of(
    stopped: House, sheet: dict[str, Any], tmp_path: Path
) -> None:
    device = Device(stopped, tmp_path / "device")

    assert device.enroll(sheet, "visitor") == 200

    text, gnutls = openssl(device), certtool(device)
    assert "No Revocation Available" in text
    assert "Unknown extension 2.5.29.56 (not critical)" in gnutls
    assert "Hexdump: 0500" in gnutls
    assert f"CA Issuers - URI:{stopped.repository}/ca/issuing.cer" in text
    for read in (text, gnutls):
        assert "OCSP" not in read
        assert "CRL Distribution" not in read
    must("openssl", "x509", "-in", device.certificate, "-checkend", str(7 * 3600))
    (held,) = stopped.certificates("shop")
    assert held["status"] == "about to expire"


def test_a_server_must_staple_and_is_named_by_its_host_alone(
    stopped: House, sheet: dict[str, Any], tmp_path: Path
) -> None:
    device = Device(stopped, tmp_path / "device")
    device.ask("/CN=ignored", f"subjectAltName=DNS:{_NAME}")

    assert device.enroll(sheet, "shop") == 200

    text, gnutls = openssl(device), certtool(device)
    assert "TLS Feature: \n                status_request\n" in text
    assert "TLS Features (not critical):\n\t\t\tOCSP Status Request(5)" in gnutls
    assert f"OCSP - URI:{stopped.repository}/ocsp" in text
    assert f"URI:{stopped.repository}/crl/" in text
    assert "Subject: \n" in text
    assert f"Subject Alternative Name: critical\n                DNS:{_NAME}\n" in text
    # Its own renewal window is open, 89 days before its end; the one for all opens 30 days before.
    stopped.move_clock(days=2)
    (held,) = stopped.certificates("shop")
    assert held["status"] == "about to expire"


def test_a_statement_of_practice_is_named_with_the_policy(
    stopped: House, sheet: dict[str, Any], tmp_path: Path
) -> None:
    device = Device(stopped, tmp_path / "device")

    assert device.enroll(sheet, "staff") == 200

    text, gnutls = openssl(device), certtool(device)
    assert "Policy: 1.3.6.1.4.1.99999.1.2\n                  CPS: https://pki.example/cps\n" in text
    assert "1.3.6.1.4.1.99999.1.2\n\t\t\t\tURI: https://pki.example/cps" in gnutls
    assert "Subject: CN=Shop,C=TW" in gnutls
    chain = tmp_path / "chain.pem"
    issuing = stopped.home / "authority" / "issuing.pem"
    chain.write_text("".join(path.read_text() for path in (device.certificate, issuing, stopped.trust)))
    assert "Chain verification output: Verified" in must(client("certtool"), "--verify-chain", "--infile", chain)


def test_a_key_that_is_not_listed_is_refused_with_those_that_are(
    stopped: House, sheet: dict[str, Any], tmp_path: Path
) -> None:
    device = Device(stopped, tmp_path / "device")
    device.new_key("RSA", "rsa_keygen_bits:2048")
    device.ask("/CN=device")

    assert device.enroll(sheet, "visitor") == 400

    assert "rsa-2048" in device.said()
    assert "make one of the type ec-p256" in device.said()


def test_doctor_and_the_ra_know_the_new_profiles(stopped: House) -> None:
    settle(stopped, _PROFILES)

    stopped.start()
    stopped.stop()

    assert "visitor, shop, staff" in stopped.command("doctor")
    refused = stopped.attempt("register", "--kind", "device", "--subject", "CN=a", "--profile", "guest")
    assert refused.returncode != 0
    assert "visitor, shop, staff" in refused.stderr
    assert "own-tls" not in refused.stderr


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('[profiles.visitor]\nbased_on = "device"\nno_rev_avail = true', "profiles.visitor.no_rev_avail"),
        ('[profiles.device]\nec_usage = ["keyCertSign"]', "profiles.device.ec_usage"),
        ('[profiles.device]\nissuer = "quantum"', "profiles.device.issuer"),
    ],
)
def test_a_broken_profile_ends_serve_and_doctor_with_one_sentence(stopped: House, table: str, said: str) -> None:
    settle(stopped, table)

    for command in ("serve", "doctor"):
        done = stopped.attempt(command)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert said in done.stderr


def test_a_profile_that_outlives_its_ca_ends_serve_and_doctor_until_it_is_mended(
    stopped: House, tmp_path: Path
) -> None:
    root_key, root, request, issuing = (tmp_path / name for name in ("root.key", "root.pem", "ca.csr", "ca.pem"))
    must(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-keyout", root_key, "-out", root, "-days", "60", "-subj", "/O=Elsewhere/CN=Offline Root"),
        *("-addext", "basicConstraints=critical,CA:true,pathlen:1", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
    )
    request.write_text(stopped.command("authority", "csr", "trial", "--subject", "CN=Trial CA,O=Example"))
    must(
        *("openssl", "x509", "-req", "-in", request, "-CA", root, "-CAkey", root_key, "-days", "30"),
        *("-copy_extensions", "copy", "-extfile", "/dev/null", "-out", issuing),
    )
    chain = tmp_path / "chain.pem"
    chain.write_bytes(issuing.read_bytes() + root.read_bytes())
    stopped.command("authority", "import", str(chain))
    settle(stopped, '[profiles.visitor]\nbased_on = "device"\nissuer = "trial"')

    for command in ("serve", "doctor"):
        done = stopped.attempt(command)
        assert done.returncode == 1
        assert "profiles.visitor.validity_seconds is more than the 2592000 of the CA trial itself" in done.stderr
    stopped.command("authority", "show")
    settle(stopped, "validity_days = 30")

    assert "visitor" in stopped.command("doctor")

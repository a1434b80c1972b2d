"""CRLs as relying parties read them: openssl, GnuTLS, cryptography and pkilint (RFC 5280, 5; CA/B BR 7.2)."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from conformance.clients.device import Device
from conformance.house import House, must, run

_SHARDS = 3
_PROMISED_SECONDS = 60
_LINT = Path(sys.executable).with_name("lint_crl")
_ENTRY = re.compile(r"Revoked certificates \((\d+)\)")


@pytest.fixture
def sharded(tmp_path: Path) -> Iterator[House]:
    built = House(tmp_path, f"crl.shards={_SHARDS}")
    built.start()
    yield built
    built.close()


def enrolled(house: House, folder: Path) -> tuple[Path, str]:
    """A device's certificate and its serial."""
    sheet = house.register("--kind", "device", "--subject", f"CN={folder.name},C=TW")
    device = Device(house, folder)
    assert device.enroll(sheet) == 200
    (held,) = house.certificates(sheet["account"])
    return device.certificate, str(held["serial"])


def pointed_to(certificate: Path) -> str:
    """Where a certificate says that its CRL is."""
    parsed = x509.load_pem_x509_certificate(certificate.read_bytes())
    (point,) = parsed.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert point.full_name is not None
    return str(point.full_name[0].value)


def fetched(url: str, folder: Path) -> Path:
    """A CRL in DER, as it is served."""
    path = folder / url.rpartition("/")[2]
    must("curl", "--silent", "--show-error", "--fail", "-o", path, url)
    return path


def verdict(house: House, certificate: Path, *options: str | Path) -> str:
    """What `openssl verify` says of a certificate."""
    chain = ("-CAfile", house.trust, "-untrusted", house.home / "authority" / "issuing.pem")
    done = run("openssl", "verify", "-crl_check", *chain, *options, certificate)
    return done.stdout + done.stderr


def wait_until_revoked(house: House, certificate: Path) -> None:
    """Ask as relying parties do, for as long as is promised."""
    deadline = time.monotonic() + _PROMISED_SECONDS
    while "certificate revoked" not in (said := verdict(house, certificate, "-crl_download")):
        assert time.monotonic() < deadline, said
        time.sleep(0.5)


def test_openssl_follows_a_certificate_to_its_shard(sharded: House, tmp_path: Path) -> None:
    certificate, serial = enrolled(sharded, tmp_path / "one")
    other, _ = enrolled(sharded, tmp_path / "other")
    assert verdict(sharded, certificate, "-crl_download").endswith(": OK\n")

    sharded.command("revoke", serial, "--reason", "keyCompromise")

    wait_until_revoked(sharded, certificate)
    assert verdict(sharded, other, "-crl_download").endswith(": OK\n")


def test_no_shard_passes_for_another(sharded: House, tmp_path: Path) -> None:
    certificate, _ = enrolled(sharded, tmp_path / "one")
    own = int(pointed_to(certificate).split(".")[-2])
    for shard in range(1, _SHARDS + 1):
        der = fetched(f"{sharded.repository}/crl/issuing.{shard}.crl", tmp_path)
        must("openssl", "crl", "-inform", "DER", "-in", der, "-out", tmp_path / "crl.pem")

        said = verdict(sharded, certificate, "-CRLfile", tmp_path / "crl.pem")

        assert said.endswith(": OK\n") == (shard == own), said


def test_four_readers_read_every_list_alike(sharded: House, tmp_path: Path) -> None:
    revoked = {}
    for name, reason in (("one", "keyCompromise"), ("two", "superseded"), ("three", "unspecified")):
        certificate, serial = enrolled(sharded, tmp_path / name)
        sharded.command("revoke", serial, "--reason", reason)
        revoked[serial] = certificate
    for certificate in revoked.values():
        wait_until_revoked(sharded, certificate)
    full = fetched(f"{sharded.repository}/crl/issuing.crl", tmp_path)
    shards = [fetched(f"{sharded.repository}/crl/issuing.{shard}.crl", tmp_path) for shard in range(1, _SHARDS + 1)]

    for der in (full, *shards):
        serials = {f"{entry.serial_number:040x}" for entry in x509.load_der_x509_crl(der.read_bytes())}
        assert as_openssl_reads(sharded, der) == as_gnutls_reads(sharded, der) == serials
        assert findings(der, "CRL", "PKIX") == findings(der, "CRL", "BR") == []
    read = [{f"{entry.serial_number:040x}" for entry in x509.load_der_x509_crl(der.read_bytes())} for der in shards]
    assert set(revoked) == set().union(*read)
    assert sum(map(len, read)) == len(revoked)


def findings(der: Path, kind: str, profile: str) -> list[str]:
    """What pkilint holds against a list; that for it a URL of `localhost` is none is the test's own fault."""
    text = run(_LINT, "lint", "-t", kind, "-p", profile, "-s", "ERROR", der)
    assert not text.stderr
    found = re.findall(r"^.*\((?:ERROR|FATAL)\).*$", text.stdout, re.MULTILINE)
    return [line for line in found if 'Invalid URI syntax: "http://localhost:' not in line]


def as_openssl_reads(house: House, der: Path) -> set[str]:
    issuing = house.home / "authority" / "issuing.pem"
    text = run("openssl", "crl", "-inform", "DER", "-in", der, "-noout", "-text", "-CAfile", issuing)
    assert "verify OK" in text.stdout + text.stderr
    return {serial.lower() for serial in re.findall(r"Serial Number: ([0-9A-F]+)", text.stdout)}


def as_gnutls_reads(house: House, der: Path) -> set[str]:
    must("openssl", "crl", "-inform", "DER", "-in", der, "-out", der.with_suffix(".pem"))
    issuing = house.home / "authority" / "issuing.pem"
    must("certtool", "--verify-crl", "--load-ca-certificate", issuing, "--infile", der.with_suffix(".pem"))
    text = must("certtool", "--crl-info", "--inder", "--infile", der)
    serials = re.findall(r"Serial Number \(hex\): ([0-9a-f]+)", text)
    counted = _ENTRY.search(text)
    assert len(serials) == (int(counted[1]) if counted else 0)
    return set(serials)


def test_the_root_says_that_no_ca_is_revoked(house: House, tmp_path: Path) -> None:
    der = fetched(f"{house.repository}/crl/root.crl", tmp_path)

    must("openssl", "crl", "-inform", "DER", "-in", der, "-noout", "-CAfile", house.trust)
    assert findings(der, "ARL", "PKIX") == []
    assert len(x509.load_der_x509_crl(der.read_bytes())) == 0


def test_other_settings_move_no_certificate_to_another_list(sharded: House, tmp_path: Path) -> None:
    certificate, serial = enrolled(sharded, tmp_path / "one")
    sharded.stop()
    settings = sharded.home / "soapstone.toml"
    settings.write_text(settings.read_text().replace(f"shards = {_SHARDS}", "shards = 1"))
    sharded.start()
    newer, _ = enrolled(sharded, tmp_path / "newer")

    sharded.command("revoke", serial, "--reason", "superseded")

    wait_until_revoked(sharded, certificate)
    assert pointed_to(newer) == f"{sharded.repository}/crl/issuing.crl"
    assert verdict(sharded, newer, "-crl_download").endswith(": OK\n")


def test_a_repository_that_moves_leaves_no_certificate_behind(sharded: House, tmp_path: Path) -> None:
    certificate, serial = enrolled(sharded, tmp_path / "one")
    sharded.stop()
    settings = sharded.home / "soapstone.toml"
    settings.write_text(f'repository_url = "http://127.0.0.1:{sharded.port + 3}"\n{settings.read_text()}')
    sharded.start()
    newer, _ = enrolled(sharded, tmp_path / "newer")

    sharded.command("revoke", serial, "--reason", "superseded")

    wait_until_revoked(sharded, certificate)
    assert pointed_to(certificate).startswith("http://localhost:")
    assert pointed_to(newer).startswith("http://127.0.0.1:")
    assert verdict(sharded, newer, "-crl_download").endswith(": OK\n")


def test_a_server_that_was_killed_shows_what_was_revoked_meanwhile(sharded: House, tmp_path: Path) -> None:
    certificate, serial = enrolled(sharded, tmp_path / "one")
    sharded.command("revoke", serial, "--reason", "superseded")
    sharded.kill()

    sharded.start()

    wait_until_revoked(sharded, certificate)

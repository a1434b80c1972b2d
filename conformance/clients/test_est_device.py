"""The client that we give to makers of devices (docs/guides/est-device.sh): a shell, curl and openssl."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from conformance.clients.machine import house_of_the_past
from conformance.house import House, free_ports, run
from conformance.openssl import verifies

SCRIPT = Path(__file__).parents[2] / "docs" / "guides" / "est-device.sh"
GUIDE = SCRIPT.with_name("est-devices.md")
_ISSUED_SECONDS = 30
DONE, LATER, STRANGER, STOPPED = 0, 75, 76, 77


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house_of_the_past(tmp_path_factory.mktemp("house"), "profiles.encryption.approval=always") as built:
        built.start()
        yield built


def fingerprint(house: House) -> str:
    """What is pinned: that of the root, as openssl writes it."""
    certificates = x509.load_pem_x509_certificates(house.trust.read_bytes())
    (root,) = [one for one in certificates if one.subject == one.issuer]
    return hashlib.sha256(root.public_bytes(Encoding.DER)).digest().hex(":").upper()


class Thing:
    """A device's folder."""

    def __init__(self, folder: Path, house: House, sheet: dict[str, Any], label: str = "device", **others: str) -> None:
        folder.mkdir()
        self.folder = folder
        settings = {"EST": f"{house.est}/{label}", "PIN": fingerprint(house), "SUBJECT": "/CN=thing"}
        settings |= {"PATIENCE": "0", **others}
        (folder / "est.conf").write_text("".join(f"{name}='{value}'\n" for name, value in settings.items()))
        (folder / "code").write_text(f'user = "{sheet["account"]}:{sheet["enrollment_code"]}"\n')

    def run(self) -> subprocess.CompletedProcess[str]:
        return run("dash", SCRIPT, self.folder)

    @property
    def certificate(self) -> x509.Certificate:
        """What it holds; its key stands in the same file, and both fit."""
        pem = (self.folder / "device.pem").read_bytes()
        certificate, key = x509.load_pem_x509_certificate(pem), load_pem_private_key(pem, None)
        spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert certificate.public_key().public_bytes(*spki) == key.public_key().public_bytes(*spki)
        return certificate

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()} - {"new"}


def test_the_guide_shows_the_whole_client() -> None:
    assert f"```sh\n{SCRIPT.read_text('utf-8')}```\n" in GUIDE.read_text("utf-8")
    assert len(SCRIPT.read_text("utf-8").splitlines()) <= 60


def test_a_device_enrolls_once_and_renews_when_it_is_due(house: House, tmp_path: Path) -> None:
    sheet = house.register(
        "--kind", "device", "--subject", "CN=thing,O=設備,C=TW", "--dns", "thing.example", "--uses", "1"
    )
    thing = Thing(tmp_path / "thing", house, sheet, NAMES="DNS:thing.example")

    enrolled = thing.run()

    assert enrolled.returncode == DONE, enrolled.stderr
    first = thing.certificate
    # The code is spent and gone, and a key without a certificate is left nowhere.
    assert thing.files == {"est.conf", "ca.pem", "device.pem"}
    assert (thing.folder / "device.pem").stat().st_mode & 0o077 == 0

    house.move_clock(days=0)
    renewed = thing.run()

    assert renewed.returncode == DONE, renewed.stderr
    second = thing.certificate
    assert second.serial_number != first.serial_number
    assert second.public_key() != first.public_key()
    assert second.subject == first.subject
    assert verifies(house, thing.folder / "device.pem", untrusted=thing.folder / "ca.pem")

    again = thing.run()

    assert (again.returncode, again.stderr) == (DONE, "")
    assert thing.certificate == second
    assert len(house.certificates(sheet["account"])) == 2


def test_a_server_that_is_not_pinned_is_shown_no_code(house: House, tmp_path: Path) -> None:
    thing = Thing(tmp_path / "thing", house, house.register("--kind", "device", "--subject", "CN=thing"), PIN="00:11")

    refused = thing.run()

    assert refused.returncode == STRANGER
    assert "no CA certificate with the fingerprint 00:11" in refused.stderr
    assert thing.files == {"est.conf", "code"}


def test_what_is_refused_is_said_and_not_tried_again(house: House, tmp_path: Path) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=thing", "--uses", "1")
    thing = Thing(tmp_path / "thing", house, {**sheet, "enrollment_code": "wrong"}, PATIENCE="60")

    refused = thing.run()

    assert refused.returncode == STOPPED
    assert refused.stderr.startswith("est-device: simpleenroll: 401 ")
    # Whoever mends the code goes on with the key that was made.
    assert thing.files == {"est.conf", "code", "ca.pem", "next.key"}


def test_what_waits_for_an_officer_is_asked_for_again_with_the_same_key(house: House, tmp_path: Path) -> None:
    sheet = house.register("--kind", "person", "--subject", "CN=waiting", "--uses", "1")
    thing = Thing(tmp_path / "thing", house, sheet, label="encryption")

    waits = thing.run()

    assert waits.returncode == LATER
    assert "simpleenroll: 202 request" in waits.stderr
    key = (thing.folder / "next.key").read_bytes()
    (request,) = json.loads(house.command("requests", "list", "--json"))
    house.command("requests", "approve", str(request["request"]))
    deadline = time.monotonic() + _ISSUED_SECONDS
    while thing.run().returncode == LATER:
        assert time.monotonic() < deadline, "what was approved was not issued"
    assert thing.certificate.subject.rfc4514_string() == "CN=waiting"
    assert (thing.folder / "device.pem").read_bytes().startswith(key)


def test_without_an_answer_it_waits_longer_each_time_and_gives_up(house: House, tmp_path: Path) -> None:
    thing = Thing(tmp_path / "thing", house, {"account": "nobody", "enrollment_code": "none"})
    with (thing.folder / "est.conf").open("a") as conf:
        conf.write(f"EST=https://localhost:{free_ports()} PATIENCE=4 PAUSE=1\n")

    silent = thing.run()

    # At once, after 1 to 1.5 seconds, and after 2 to 3 more; 4 to 6 more are beyond its patience.
    assert silent.returncode == LATER
    assert silent.stderr.count("curl: ") == 3
    assert silent.stderr.endswith("est-device: cacerts: no answer\n")

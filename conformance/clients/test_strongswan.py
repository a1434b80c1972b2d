"""strongSwan's pki fetches CA certificates, enrolls, renews and waits for an officer."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from conformance.clients.machine import house_of_the_past
from conformance.house import House, client, must, run
from conformance.openssl import verifies

SUBJECT = "C=TW, O=Net, CN=gateway"
_SECONDS = 30


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house_of_the_past(tmp_path_factory.mktemp("house"), "profiles.signing.approval=always") as built:
        built.start()
        yield built


class Pki:
    """A gateway's folder, with a key and a request."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house, self.folder = house, folder
        self.key, self.certificate, self.issuing = folder / "key.pem", folder / "certificate.pem", folder / "ca-1.pem"
        self.new_key()

    def new_key(self) -> None:
        must("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.key)

    def url(self, label: str) -> str:
        """The label stands in front: strongSwan appends `/.well-known/est` itself."""
        return f"https://localhost:{self.house.port + 1}{label and '/'}{label}"

    def fetch(self, label: str = "") -> str:
        """The CA certificates: `ca.pem` is the root, `ca-1.pem` the issuing one. Returns what was said."""
        options = ("--outform", "pem", "--force", "--cacert", self.house.trust, "--caout", self.folder / "ca.pem")
        return run(client("pki"), "--estca", "--url", self.url(label), *options).stderr

    def enrolling(self, label: str, *options: str | Path) -> list[str]:
        """The command that enrolls; with the old certificate and key in the options, it renews."""
        names = ("--san", "gateway.example") if label == "device" else ()
        request = must(
            *(client("pki"), "--req", "--type", "ecdsa", "--in", self.key, "--dn", SUBJECT, *names, "--outform", "pem")
        )
        (self.folder / "request.pem").write_text(request)
        command = (client("pki"), "--est", "--url", self.url(label), "--in", self.folder / "request.pem")
        trust = ("--cacert", self.folder / "ca.pem", "--cacert", self.issuing, "--outform", "pem")
        return [str(part) for part in (*command, *trust, *options)]

    def keep(self, done: subprocess.CompletedProcess[str]) -> x509.Certificate:
        """What came out of such a command, in its file."""
        assert done.returncode == 0, done.stderr
        self.certificate.write_text(done.stdout)
        return x509.load_pem_x509_certificate(done.stdout.encode())


def code(sheet: dict[str, Any]) -> tuple[str, str]:
    return "--userpass", f"{sheet['account']}:{sheet['enrollment_code']}"


def test_a_gateway_enrolls_and_renews(house: House, tmp_path: Path) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=gateway,O=Net,C=TW", "--dns", "gateway.example")
    pki = Pki(house, tmp_path)
    assert "Sub CA cert is trusted" in pki.fetch()
    assert "Sub CA cert is trusted" in pki.fetch("device")

    first = pki.keep(run(*pki.enrolling("device", *code(sheet))))

    house.move_clock(days=0)
    held, old = tmp_path / "held.pem", tmp_path / "old.pem"
    pki.certificate.rename(held)
    pki.key.rename(old)
    pki.new_key()
    second = pki.keep(run(*pki.enrolling("device", "--cert", held, "--key", old)))

    assert second.subject == first.subject
    assert second.public_key() != first.public_key()
    assert verifies(house, pki.certificate, untrusted=pki.issuing)


@pytest.mark.parametrize("label", ["", "signing"])
def test_it_polls_while_an_officer_looks(house: House, tmp_path: Path, label: str) -> None:
    # 5.9.8 forgets the label when it asks again. The registration's default is another profile then.
    others = ("--profile", "device") if label else ()
    sheet = house.register("--kind", "device", "--subject", "CN=gateway,O=Net,C=TW", *others, "--profile", "signing")
    pki = Pki(house, tmp_path)
    pki.fetch()
    polls = ("--interval", "1", "--maxpolltime", str(_SECONDS))

    polling = subprocess.Popen(
        pki.enrolling(label, *code(sheet), *polls), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + _SECONDS
    while not (waiting := json.loads(house.command("requests", "list", "--json"))):
        assert time.monotonic() < deadline, "nothing waits for an officer"
    house.command("requests", "approve", str(waiting[0]["request"]))
    said, errors = polling.communicate(timeout=2 * _SECONDS)

    got = pki.keep(subprocess.CompletedProcess(polling.args, polling.returncode, said, errors))
    assert "EST request pending" in errors
    (issued,) = json.loads(house.command("certificates", "--account", sheet["account"], "--json"))
    assert (issued["profile"], int(issued["serial"], 16)) == ("signing", got.serial_number)

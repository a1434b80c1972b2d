"""The client that we give to makers of devices (docs/guides/est-device.sh): a shell, curl and openssl."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from conformance.clients.impostor import Answer, Impostor, StrangeCa, certificates, impostor
from conformance.clients.machine import house_of_the_past
from conformance.house import House, free_ports, run
from conformance.openssl import verifies

SCRIPT = Path(__file__).parents[2] / "docs" / "guides" / "est-device.sh"
GUIDE = SCRIPT.with_name("est-devices.md")
_ISSUED_SECONDS = 30
DONE, LATER, STRANGER, STOPPED, WRONG_CERTIFICATE = 0, 75, 76, 77, 78


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house_of_the_past(tmp_path_factory.mktemp("house"), "profiles.encryption.approval=always") as built:
        built.start()
        yield built


def fingerprint(house: House) -> str:
    """What is pinned: that of the root, as openssl writes it."""
    (root,) = [one for one in cas(house) if one.subject == one.issuer]
    return hashlib.sha256(root.public_bytes(Encoding.DER)).digest().hex(":").upper()


def cas(house: House) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(house.trust.read_bytes())


def authentic(
    house: House, port: int, answers: dict[str, Callable[[bytes], Answer]]
) -> contextlib.AbstractContextManager[Impostor]:
    """A server with the certificate of the house's own, and other answers."""
    password = (house.home / "secrets" / "passphrase").read_text().strip()
    return impostor(port, house.home / "tls" / "server.pem", answers, password=password)


class Thing:
    """A device's folder."""

    def __init__(self, folder: Path, house: House, sheet: dict[str, Any], label: str = "device", **others: str) -> None:
        folder.mkdir()
        self.folder = folder
        settings = {"EST": f"{house.est}/{label}", "PIN": fingerprint(house), "SUBJECT": "/CN=thing"}
        settings |= {"PATIENCE": "0", **others}
        (folder / "est.conf").write_text("".join(f"{name}='{value}'\n" for name, value in settings.items()))
        (folder / "code").write_text(f'user = "{sheet["account"]}:{sheet["enrollment_code"]}"\n')

    def run(self, **environment: str) -> subprocess.CompletedProcess[str]:
        return run("dash", SCRIPT, self.folder, env=os.environ | environment)

    def pinned(self, house: House) -> None:
        """As after a run that came no further than to the root."""
        roots = [one for one in cas(house) if one.subject == one.issuer]
        (self.folder / "ca.pem").write_bytes(roots[0].public_bytes(Encoding.PEM))

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


def test_a_run_that_meets_another_one_leaves_it_alone(house: House, tmp_path: Path) -> None:
    thing = Thing(tmp_path / "thing", house, house.register("--kind", "device", "--subject", "CN=thing"))
    halfway = thing.folder / "new" / "certs.pem"
    halfway.parent.mkdir()
    halfway.write_text("what the other one is about to look at")
    with (thing.folder / "est.conf").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        met = thing.run()

    assert (met.returncode, met.stderr) == (LATER, "est-device: another run is at work\n")
    assert halfway.exists()
    assert thing.run().returncode == DONE


def test_the_pin_may_be_all_that_openssl_says(house: House, tmp_path: Path) -> None:
    pin = f"sha256 Fingerprint={fingerprint(house)}"
    thing = Thing(tmp_path / "thing", house, house.register("--kind", "device", "--subject", "CN=thing"), PIN=pin)

    assert thing.run().returncode == DONE


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
        # Who approved it does not want to wait as long as the server has said.
        (thing.folder / "later").unlink()
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


def test_whom_the_machine_trusts_for_other_things_is_not_trusted(house: House, tmp_path: Path) -> None:
    """RFC 7030, 3.1, 3.3.1 and 4.1.3: implicit trust anchors are out of use."""
    port, strange = free_ports(), StrangeCa(tmp_path / "trusted")
    thing = Thing(tmp_path / "thing", house, {"account": "thing", "enrollment_code": "secret"})
    thing.pinned(house)
    with (thing.folder / "est.conf").open("a") as conf:
        conf.write(f"EST=https://localhost:{port}/.well-known/est\n")
    # As if it were the folder of the machine's own, which curl is built with.
    (tmp_path / ".curlrc").write_text(f"capath = {strange.folder}\n")

    with impostor(port, strange.server(tmp_path / "server.pem"), {}) as server:
        stopped = thing.run(HOME=str(tmp_path))

    assert server.asked == []
    assert stopped.returncode == LATER
    assert "certificate" in stopped.stderr


@pytest.mark.parametrize(
    ("host", "told", "came_to"),
    [
        ("other.example", 200, ([], LATER)),
        ("localhost", 404, (["cacerts"], STOPPED)),
        ("localhost", 301, (["cacerts"], STOPPED)),
    ],
    ids=["another name", "no CA certificates", "a redirection"],
)
def test_who_is_not_as_it_should_be_is_asked_nothing_more(
    house: House, tmp_path: Path, host: str, told: int, came_to: tuple[list[str], int]
) -> None:
    """RFC 7030, 3.6.1 and 4.1.3: the server has the name that was asked for, and the CA certificates come first."""
    port = free_ports()
    sheet = {"account": "thing", "enrollment_code": "secret"}
    thing = Thing(tmp_path / "thing", house, sheet, EST=f"https://{host}:{port}/.well-known/est")
    thing.pinned(house)
    (tmp_path / ".curlrc").write_text(f"resolve = {host}:{port}:127.0.0.1\n")
    elsewhere = {"Location": f"https://localhost:{port}/elsewhere"}

    with authentic(house, port, {"cacerts": lambda _: (told, elsewhere, b"")}) as server:
        stopped = thing.run(HOME=str(tmp_path))

    assert (server.asked, stopped.returncode) == came_to, stopped.stderr


def test_only_what_the_pinned_root_vouches_for_is_kept(house: House, tmp_path: Path) -> None:
    """RFC 7030, 4.1.3: by path validation, of the CAs that come as of the certificate."""
    port, strange = free_ports(), StrangeCa(tmp_path / "trusted")
    sheet = {"account": "thing", "enrollment_code": "secret"}
    thing = Thing(tmp_path / "thing", house, sheet, EST=f"https://localhost:{port}/.well-known/est")
    thing.pinned(house)
    stray = strange.certify(strange.certificate.public_key(), "stray.example")

    def issued(body: bytes) -> Answer:
        request = x509.load_der_x509_csr(base64.b64decode(body))
        return certificates(strange.certify(request.public_key(), "thing"))

    with authentic(
        house, port, {"cacerts": lambda _: certificates(*cas(house), stray), "simpleenroll": issued}
    ) as server:
        stopped = thing.run(SSL_CERT_DIR=str(strange.folder))

    assert server.asked == ["cacerts", "simpleenroll"]
    assert stopped.returncode == WRONG_CERTIFICATE, stopped.stderr
    assert "none of this CA" in stopped.stderr
    assert set(x509.load_pem_x509_certificates((thing.folder / "ca.pem").read_bytes())) == set(cas(house))
    assert thing.files == {"est.conf", "ca.pem", "next.key", "code"}


def test_nothing_is_asked_before_the_server_wants_to_be_asked_again(house: House, tmp_path: Path) -> None:
    """RFC 7030, 4.2.3: also by the next run; whoever brings a new code is not told to wait."""
    port = free_ports()
    sheet = {"account": "thing", "enrollment_code": "secret"}
    thing = Thing(tmp_path / "thing", house, sheet, EST=f"https://localhost:{port}/.well-known/est")
    thing.pinned(house)
    waits: list[str] = ["3600", "3600", "1"]
    answers = {
        "cacerts": lambda _: certificates(*cas(house)),
        "simpleenroll": lambda _: (202, {"Retry-After": waits.pop(0)}, b"wait\n"),
    }
    with authentic(house, port, answers) as server:
        runs = [thing.run(), thing.run()]
        once = list(server.asked)
        time.sleep(0.02)
        (thing.folder / "code").touch()
        runs.append(thing.run())
        (thing.folder / "later").write_text("9999999999 3600\n")  # a clock that was wrong
        runs.append(thing.run())

    assert [one.returncode for one in runs] == [LATER] * 4
    assert "the server wants to be asked again in 3" in runs[1].stderr
    assert once == ["cacerts", "simpleenroll"]
    assert server.asked == once * 3


def test_a_device_follows_a_root_that_is_rotated(tmp_path: Path) -> None:
    """RFC 7030, 4.1.3: OldWithNew and NewWithOld are among what comes, and disturb nothing."""
    (tmp_path / "rotated").mkdir()
    with house_of_the_past(tmp_path / "rotated") as rotated:
        rotated.start()
        sheet = rotated.register("--kind", "device", "--subject", "CN=thing", "--uses", "1")
        thing = Thing(tmp_path / "thing", rotated, sheet)
        enrolled = thing.run()
        first = thing.certificate
        rotated.command("authority", "rotate")
        deadline = time.monotonic() + _ISSUED_SECONDS
        while run("curl", "-sf", "-o", "/dev/null", f"{rotated.repository}/ca/issuing-2.cer").returncode:
            assert time.monotonic() < deadline, "the server has not heard of the new CA"
            time.sleep(0.1)
        rotated.move_clock(days=0)

        renewed = thing.run()

        assert (enrolled.returncode, renewed.returncode) == (DONE, DONE), renewed.stderr
        assert thing.certificate.issuer != first.issuer
        assert verifies(rotated, thing.folder / "device.pem", untrusted=thing.folder / "ca.pem")
        kept = x509.load_pem_x509_certificates((thing.folder / "ca.pem").read_bytes())
        # Both roots, both links between them, and what each has certified.
        assert sorted(one.subject == one.issuer for one in kept) == [False] * 2 + [True] * 4


def test_who_is_not_known_yet_stops_no_device_for_long(house: House, tmp_path: Path) -> None:
    """Whoever stands between at the first contact could otherwise keep it away from its server for years."""
    port, strange = free_ports(), StrangeCa(tmp_path / "strange")
    sheet = {"account": "thing", "enrollment_code": "secret"}
    thing = Thing(tmp_path / "thing", house, sheet, EST=f"https://localhost:{port}/.well-known/est")
    busy: Answer = (503, {"Retry-After": "999999999"}, b"busy\n")

    with impostor(port, strange.server(tmp_path / "server.pem"), {"cacerts": lambda _: busy}) as server:
        runs = [thing.run(), thing.run()]

    assert [one.returncode for one in runs] == [LATER, LATER]
    assert server.asked == ["cacerts", "cacerts"]

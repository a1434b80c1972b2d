"""RFC 7030, 4.4: the server makes the key; the guide's command lines open what it sends, whatever the recipient."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from conformance.clients.device import Device
from conformance.clients.guide import blocks
from conformance.house import House, must, run
from conformance.openssl import verifies

_GUIDE = Path(__file__).parents[1] / "docs" / "guides" / "device-fleet.md"
_SETTINGS = (
    'profiles.clear={based_on = "device", server_keygen = "clear"}',
    'profiles.agreeing={based_on = "device", ec_usage = ["digitalSignature", "keyAgreement"]}',
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("house"), *_SETTINGS)
    built.start()
    yield built
    built.close()


@pytest.fixture
def sheet(house: House) -> dict[str, Any]:
    profiles = [part for name in ("encryption", "clear", "agreeing", "device") for part in ("--profile", name)]
    return house.register(
        "--kind", "device", "--subject", "CN=sensor-17,O=Fleet,C=TW", "--uses", "unlimited", *profiles
    )


@pytest.fixture
def est(house: House, sheet: dict[str, Any], tmp_path: Path) -> tuple[House, dict[str, Any], Device]:
    return house, sheet, Device(house, tmp_path)


def follow_the_guide(house: House, folder: Path, sheet: dict[str, Any], recipient: str, **variables: str) -> str:
    """Run the guide's lines in a device's folder; return what went wrong, if anything did."""
    (folder / "trust.pem").write_bytes(house.trust.read_bytes())
    told = {"EST": f"{house.est}/encryption", "ACCOUNT": sheet["account"], "CODE": sheet["enrollment_code"]}
    guide = blocks(_GUIDE.read_text("utf-8"))
    script = f"set -e\n{guide[recipient].text}{guide['made key'].text}"
    done = run("dash", "-c", script, cwd=folder, env={**os.environ, **told, **variables})
    return "" if done.returncode == 0 else f"{done.stderr}{(folder / 'answer').read_text()}"


def require_whole(house: House, folder: Path) -> None:
    """The key fits the certificate, the certificate is ours, and neither the parts nor the envelope are left."""
    certificate = x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())
    key = load_pem_private_key((folder / "key.pem").read_bytes(), None)
    assert key.public_key() == certificate.public_key()
    assert verifies(house, folder / "cert.pem", untrusted=house.home / "authority" / "issuing.pem")
    assert not (folder / "answer").exists()


def test_who_has_the_decryption_key_opens_it(house: House, sheet: dict[str, Any], tmp_path: Path) -> None:
    made = json.loads(house.command("decryption-key", sheet["account"], "--json"))

    fault = follow_the_guide(
        house, tmp_path, sheet, "request by decryption key", KEY_ID=made["key_id"], KEY=made["key"]
    )

    assert fault == ""
    require_whole(house, tmp_path)


@pytest.mark.parametrize(("algorithm", "option"), [("RSA", "rsa_keygen_bits:2048"), ("EC", "ec_paramgen_curve:P-256")])
def test_who_holds_a_certificate_opens_it(
    house: House, sheet: dict[str, Any], tmp_path: Path, algorithm: str, option: str
) -> None:
    device = Device(house, tmp_path / "device")
    device.new_key(algorithm, option)
    device.ask("/CN=whatever")
    assert device.enroll(sheet, "agreeing") == 200
    (tmp_path / "held.pem").write_bytes(device.certificate.read_bytes())
    (tmp_path / "held.key").write_bytes(device.key.read_bytes())

    fault = follow_the_guide(house, tmp_path, sheet, "request by certificate")

    assert fault == ""
    require_whole(house, tmp_path)


def test_an_unknown_key_is_refused_and_nothing_is_made(house: House, sheet: dict[str, Any], tmp_path: Path) -> None:
    fault = follow_the_guide(house, tmp_path, sheet, "request by decryption key", KEY_ID="SOMEBODYELSES", KEY="00" * 32)

    assert "error: 400" in fault
    assert "soapstone decryption-key" in fault
    assert house.certificates(sheet["account"]) == []


def test_where_the_profile_says_so_it_travels_in_the_clear(house: House, sheet: dict[str, Any], tmp_path: Path) -> None:
    device = Device(house, tmp_path)

    status = device.curl(
        *("-H", "Content-Type: application/pkcs10", "--data-binary", f"@{device.request}"),
        *("-u", f"{sheet['account']}:{sheet['enrollment_code']}", f"{house.est}/clear/serverkeygen"),
    ).stdout

    assert status == "200"
    answer = device.said()
    assert "Content-Type: application/pkcs8\nContent-Transfer-Encoding: base64\n\n" in answer
    pkcs8 = answer.split("\n\n")[1].partition("\n--")[0]
    der, pem = tmp_path / "key.der", tmp_path / "made.pem"
    must("openssl", "base64", "-d", "-in", written(tmp_path / "key.b64", pkcs8), "-out", der)
    must("openssl", "pkey", "-inform", "DER", "-in", der, "-out", pem)
    assert "NIST CURVE: P-256" in must("openssl", "pkey", "-in", pem, "-noout", "-text")
    assert len(device.headers.read_bytes()) < 1024
    assert pkcs8.split()[0] not in house.log


@pytest.mark.parametrize(
    ("curve", "cipher", "is_made"),
    [
        ("P-256", "AES128-GCM-SHA256", True),
        ("P-384", "AES128-GCM-SHA256", False),
        ("P-384", "AES256-GCM-SHA384", True),
        ("P-384", "CHACHA20-POLY1305", True),
    ],
)
def test_no_key_in_the_clear_is_worth_more_than_the_suite_that_keeps_it_secret(
    est: tuple[House, dict[str, Any], Device], curve: str, cipher: str, is_made: bool
) -> None:
    """RFC 7030, 4.4."""
    house, sheet, device = est
    device.new_key(option=f"ec_paramgen_curve:{curve}")
    device.ask("/CN=sensor-17")
    user = ("-u", f"{sheet['account']}:{sheet['enrollment_code']}")
    suite = ("--tls-max", "1.2", "--ciphers", f"ECDHE-ECDSA-{cipher}")
    body = ("-H", "Content-Type: application/pkcs10", "--data-binary", f"@{device.request}")

    status = device.curl(*body, *suite, *user, f"{house.est}/clear/serverkeygen").stdout

    assert status == ("200" if is_made else "400")
    assert ("connect with AES-256 or ChaCha20" in device.said()) is not is_made
    assert len(house.certificates(sheet["account"])) == is_made


def written(path: Path, text: str) -> Path:
    path.write_text(f"{text.strip()}\n")
    return path

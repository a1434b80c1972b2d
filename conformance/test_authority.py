"""CAs that follow each other while the server runs, and one that an offline root certifies."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from conformance.clients.device import Device
from conformance.house import House, must, run

_SECONDS = 20


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = House(tmp_path)
    opened.start()
    yield opened
    opened.close()


def fetched_ca(house: House, name: str, folder: Path) -> Path:
    """A CA's certificate as the repository serves it, in PEM."""
    path = folder / f"{name}.pem"
    deadline = time.monotonic() + _SECONDS
    while run("curl", "-sSf", "-o", path, f"{house.repository}/ca/{name}.pem").returncode:
        assert time.monotonic() < deadline, f"the server does not serve {name}"
    return path


def fetched_crl(house: House, name: str, folder: Path) -> Path:
    der, pem = folder / f"{name}.crl", folder / f"{name}.crl.pem"
    must("curl", "-sSf", "-o", der, f"{house.repository}/crl/{name}.crl")
    must("openssl", "crl", "-inform", "DER", "-in", der, "-out", pem)
    return pem


def cacerts(house: House, folder: Path) -> Path:
    """What EST gives out, in PEM."""
    base64, der, pem = folder / "cacerts.b64", folder / "cacerts.der", folder / "cacerts.pem"
    must("curl", "-sSf", "--cacert", house.trust, "-o", base64, f"{house.est}/cacerts")
    must("openssl", "base64", "-d", "-in", base64, "-out", der)
    must("openssl", "pkcs7", "-inform", "DER", "-in", der, "-print_certs", "-out", pem)
    return pem


def without_roots(pem: Path) -> Path:
    """All but those that signed themselves."""
    left = pem.with_suffix(".linked.pem")
    certificates = x509.load_pem_x509_certificates(pem.read_bytes())
    left.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in certificates if not signed_itself(one)))
    return left


def updates(pem: Path) -> set[str]:
    """Which certificates of an old and a new root are there (RFC 4210, 4.4)."""
    given = x509.load_pem_x509_certificates(pem.read_bytes())
    ended = sorted((one for one in given if signed_itself(one)), key=lambda one: one.not_valid_after_utc)
    roots = dict(zip(("old", "new"), ended, strict=True))
    return {
        f"{what} by {by}"
        for what, subject in roots.items()
        for by, issuer in roots.items()
        if any(one.public_key() == subject.public_key() and is_signed_by(one, issuer) for one in given)
    }


def signed_itself(certificate: x509.Certificate) -> bool:
    return is_signed_by(certificate, certificate)


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, InvalidSignature):
        return False
    return True


def choose_issuer(house: House, profile: str, line: str) -> None:
    with (house.home / "soapstone.toml").open("a") as settings:
        settings.write(f'\n[profiles.{profile}]\nissuer = "{line}"\n')


def issuer_of(certificate: Path) -> str:
    return must("openssl", "x509", "-in", certificate, "-noout", "-issuer").strip()


def subject_of(certificate: Path) -> str:
    return must("openssl", "x509", "-in", certificate, "-noout", "-subject").strip()


def test_a_rotation_under_way_leaves_nobody_behind(house: House, tmp_path: Path) -> None:
    old_trust = tmp_path / "old-trust.pem"
    old_trust.write_bytes(house.trust.read_bytes())
    sheet = house.register("--kind", "device", "--subject", "CN=old,O=Example", "--uses", "unlimited")
    old, new = Device(house, tmp_path / "old"), Device(house, tmp_path / "new")
    assert old.enroll(sheet) == 200

    printed = house.command("authority", "rotate")

    assert "root-2: certifies CAs" in printed
    assert "issuing-2: issues from" in printed
    issuing = fetched_ca(house, "issuing-2", tmp_path)
    fresh = house.register("--kind", "device", "--subject", "CN=new,O=Example", "--uses", "unlimited")
    assert new.enroll(fresh) == 200
    # 1. The new certificate is the new CA's, and who has the new trust anchors verifies both.
    assert issuer_of(new.certificate).removeprefix("issuer=") == subject_of(issuing).removeprefix("subject=")
    given = cacerts(house, tmp_path)
    for device in (old, new):
        must("openssl", "verify", "-CAfile", house.trust, "-untrusted", given, device.certificate)
        # 2. Who has only the old one verifies both, by NewWithOld out of /cacerts; a root that a stranger
        #    hands over proves nothing (RFC 7030, 4.1.3).
        linked = without_roots(given)
        assert updates(given) == {"old by old", "old by new", "new by old", "new by new"}
        must("openssl", "verify", "-CAfile", old_trust, "-untrusted", linked, device.certificate)
    # 3. The device with the old certificate still proves itself with it, and is renewed by the new CA.
    house.move_clock(days=75)
    old.ask_like(old.certificate)
    assert old.reenroll() == 200
    assert issuer_of(old.certificate) == issuer_of(new.certificate)
    # 4. Both CAs sign their CRLs.
    for name in ("issuing", "issuing-2", "root", "root-2"):
        crl = fetched_crl(house, name, tmp_path)
        ca = fetched_ca(house, name, tmp_path)
        assert "verify OK" in run("openssl", "crl", "-in", crl, "-noout", "-CAfile", ca).stderr


def test_the_old_ca_still_revokes_what_it_issued(house: House, tmp_path: Path) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=meter,O=Example")
    device = Device(house, tmp_path / "device")
    assert device.enroll(sheet) == 200
    house.command("authority", "rotate", "--issuing-only")
    serial = house.certificates(sheet["account"])[0]["serial"]

    house.command("revoke", serial, "--reason", "superseded")
    house.command("crl", "publish")

    crl = fetched_crl(house, "issuing", tmp_path)
    assert serial.upper() in must("openssl", "crl", "-in", crl, "-noout", "-text")


def test_an_announced_switch_waits_for_its_date(house: House, tmp_path: Path) -> None:
    at = must("date", "--utc", "--date", "+40 days", "+%F").strip()
    house.command("authority", "rotate", "--issuing-only", "--at", at, "--key", "rsa-3072")
    fetched_ca(house, "issuing-2", tmp_path)
    before, after = Device(house, tmp_path / "before"), Device(house, tmp_path / "after")
    sheets = [house.register("--kind", "device", "--subject", f"CN={n},O=Example") for n in ("a", "b")]

    assert before.enroll(sheets[0]) == 200
    house.move_clock(days=41)
    assert after.enroll(sheets[1]) == 200

    issuing, issuing_2 = (subject_of(fetched_ca(house, name, tmp_path)) for name in ("issuing", "issuing-2"))
    assert issuer_of(before.certificate).removeprefix("issuer=") == issuing.removeprefix("subject=")
    assert issuer_of(after.certificate).removeprefix("issuer=") == issuing_2.removeprefix("subject=")


def test_an_offline_root_certifies_the_issuer(house: House, tmp_path: Path) -> None:
    root_key, root, request, issuing = (tmp_path / name for name in ("root.key", "root.pem", "ca.csr", "ca.pem"))
    must(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes"),
        *("-keyout", root_key, "-out", root, "-days", "3650", "-subj", "/O=Elsewhere/CN=Offline Root"),
        *("-addext", "basicConstraints=critical,CA:true,pathlen:1"),
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
    )
    request.write_text(house.command("authority", "csr", "--subject", "CN=Issuing CA,O=Example"))
    must(
        *("openssl", "x509", "-req", "-in", request, "-CA", root, "-CAkey", root_key, "-days", "1825"),
        *("-copy_extensions", "copy", "-extfile", "/dev/null", "-out", issuing),
    )
    assert "waits for its certificate" in house.command("authority", "show")
    chain = tmp_path / "chain.pem"
    chain.write_bytes(issuing.read_bytes() + root.read_bytes())

    shown = house.command("authority", "import", str(chain))

    assert shown.startswith("issuing-2: issues from")
    fetched_ca(house, "issuing-2", tmp_path)
    sheet = house.register("--kind", "device", "--subject", "CN=meter,O=Example")
    device = Device(house, tmp_path / "device")
    assert device.enroll(sheet) == 200
    must("openssl", "verify", "-CAfile", root, "-untrusted", cacerts(house, tmp_path), device.certificate)
    listed = json.loads(house.command("authority", "show", "--json"))
    does = {one["name"]: one["does"] for one in listed}
    assert does["issuing-2"] == "issues"
    assert does["issuing-2-root"] == "is trusted; its key is elsewhere"
    refused = house.attempt("authority", "rotate")
    assert refused.returncode == 1
    assert "authority csr" in refused.stderr


def test_two_lines_issue_side_by_side_as_profiles_say(tmp_path: Path) -> None:
    house = House(tmp_path)
    try:
        house.command("authority", "add", "vault", "--key", "rsa-3072", "--own-root")
        choose_issuer(house, "signing", "vault")
        house.start()
        person = house.register("--kind", "person", "--subject", "CN=Ann,O=Example")
        device = house.register("--kind", "device", "--subject", "CN=meter,O=Example")
        signing, machine = Device(house, tmp_path / "signing"), Device(house, tmp_path / "machine")

        assert signing.enroll(person, "signing") == 200
        assert machine.enroll(device) == 200

        assert issuer_of(signing.certificate) != issuer_of(machine.certificate)
        for one in (signing, machine):
            must("openssl", "verify", "-CAfile", house.trust, "-untrusted", cacerts(house, tmp_path), one.certificate)
    finally:
        house.close()


def test_a_home_with_ml_dsa_cas_serves_clients_that_know_none(tmp_path: Path) -> None:
    house = House(tmp_path, 'est.labels.device.wire="rfc"', options=("--development", "--key", "ml-dsa-65"))
    try:
        house.start()
        sheet = house.register("--kind", "device", "--subject", "CN=meter,O=Example")
        device = Device(house, tmp_path / "device")

        assert device.enroll(sheet) == 200

        # OpenSSL 3.0 reads such a certificate, and cannot verify it; cryptography can.
        assert "2.16.840.1.101.3.4.3.18" in must("openssl", "x509", "-in", device.certificate, "-noout", "-text")
        leaf = x509.load_pem_x509_certificate(device.certificate.read_bytes())
        (issuing,) = x509.load_pem_x509_certificates(fetched_ca(house, "issuing", tmp_path).read_bytes())
        leaf.verify_directly_issued_by(issuing)
        crl = tmp_path / "issuing.crl"
        must("curl", "-sSf", "-o", crl, f"{house.repository}/crl/issuing.crl")
        assert x509.load_der_x509_crl(crl.read_bytes()).is_signature_valid(issuing.public_key())  # type: ignore[arg-type]  # ML-DSA
        does = {one["name"]: one["does"] for one in json.loads(house.command("authority", "show", "--json"))}
        assert does["transport"] == does["issuing"] == "issues"
    finally:
        house.close()


def test_ecdsa_and_ml_dsa_issue_side_by_side(tmp_path: Path) -> None:
    house = House(tmp_path)
    try:
        house.command("authority", "add", "pq", "--key", "ml-dsa-87", "--own-root")
        choose_issuer(house, "signing", "pq")
        house.start()
        person = house.register("--kind", "person", "--subject", "CN=Ann,O=Example")
        signing, encryption = Device(house, tmp_path / "signing"), Device(house, tmp_path / "encryption")
        encryption.new_key("RSA", "rsa_keygen_bits:2048")
        encryption.ask("/CN=Ann")

        assert signing.enroll(person, "signing") == 200
        assert encryption.enroll(person, "encryption") == 200

        pq, issuing = (
            x509.load_pem_x509_certificate(fetched_ca(house, name, tmp_path).read_bytes()) for name in ("pq", "issuing")
        )
        x509.load_pem_x509_certificate(signing.certificate.read_bytes()).verify_directly_issued_by(pq)
        x509.load_pem_x509_certificate(encryption.certificate.read_bytes()).verify_directly_issued_by(issuing)
    finally:
        house.close()


def test_an_expired_ca_is_replaced_by_the_command_that_the_refusal_names(tmp_path: Path) -> None:
    house = House(tmp_path)
    try:
        house.move_clock(days=3651)
        refused = house.attempt("serve")
        assert refused.returncode == 1
        assert "no CA issuing that issues" in refused.stderr
        assert "nothing any more" in house.command("authority", "show")

        house.command("authority", "rotate", "--issuing-only")

        house.start()
        sheet = house.register("--kind", "device", "--subject", "CN=meter,O=Example")
        names = [one["name"] for one in json.loads(house.command("authority", "show", "--json"))]
        assert names == ["issuing", "root", "issuing-2"]
        assert sheet["enrollment_code"]
    finally:
        house.close()


def test_a_lost_key_of_a_retired_ca_stops_nothing_but_its_own_crl(house: House, tmp_path: Path) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=old,O=Example")
    assert Device(house, tmp_path / "old").enroll(sheet) == 200
    house.command("authority", "rotate")
    house.stop()
    (house.home / "authority" / "issuing.key").unlink()

    house.start()

    fresh = house.register("--kind", "device", "--subject", "CN=new,O=Example")
    assert Device(house, tmp_path / "new").enroll(fresh) == 200
    assert "cannot be used" in house.command("authority", "show")
    checked = house.attempt("doctor")
    assert checked.returncode == 1
    assert "the CA issuing cannot be used" in checked.stderr


def test_a_trust_anchor_file_that_was_left_behind_is_brought_up_to_date(house: House) -> None:
    before = house.trust.read_bytes()
    house.command("authority", "rotate")
    house.stop()
    house.trust.write_bytes(before)

    house.start()

    deadline = time.monotonic() + _SECONDS
    while len(x509.load_pem_x509_certificates(house.trust.read_bytes())) < 2:
        assert time.monotonic() < deadline, "trust.pem still lacks the new root"
        time.sleep(0.05)


def test_only_serious_cas_and_lines_are_made(tmp_path: Path) -> None:
    house = House(tmp_path, options=())
    for arguments, why in (
        (("rotate", "--key", "rsa-2048"), "--development only"),
        (("add", "transport"), "this server's own certificate"),
        (("csr", "../evil"), "a line's name"),
        (("rotate", "root"), "no line of issuing CAs"),
        (("rotate", "--at", "9999-12-31"), "has to begin before that"),
    ):
        refused = house.attempt("authority", *arguments)
        assert refused.returncode == 1
        assert why in refused.stderr
        assert "Traceback" not in refused.stderr

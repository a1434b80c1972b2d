"""What an operator does, and how it ends when something is not in order."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import ssl
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from conformance.clients.device import Device
from conformance.house import SOAPSTONE, House, free_ports, must, run
from conformance.maker import Maker

_RENEWAL_SECONDS = 30


@pytest.fixture
def stopped(tmp_path: Path, store: str) -> Iterator[House]:
    built = House(tmp_path, store=store)
    yield built
    built.close()


def edited(house: House, was: str, now: str) -> None:
    settings = house.home / "soapstone.toml"
    text = settings.read_text()
    assert was in text
    settings.write_text(text.replace(was, now))


def appended(house: House, tables: str) -> None:
    with (house.home / "soapstone.toml").open("a") as settings:
        settings.write(tables)


def test_an_unknown_setting_ends_serve_with_one_sentence(stopped: House) -> None:
    edited(stopped, "[acme]", "[acme]\nopen_acount = 'x'")

    done = stopped.attempt("serve")

    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "unknown setting acme.open_acount" in done.stderr


def test_an_unreadable_key_file_ends_serve_with_one_sentence(stopped: House) -> None:
    (stopped.home / "authority" / "issuing.key").unlink()

    done = stopped.attempt("serve")

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "issuing.key" in done.stderr


def test_a_port_in_use_ends_serve_with_one_sentence(stopped: House) -> None:
    with socket.socket() as taken:
        # What others' connections have left behind is no obstacle, as it is none for a server.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", stopped.port + 1))
        taken.listen()

        done = stopped.attempt("serve")

    assert done.returncode == 1
    assert str(stopped.port + 1) in done.stderr
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_init_does_not_overwrite_a_home(stopped: House) -> None:
    before = (stopped.home / "soapstone.toml").read_text()

    done = stopped.attempt("init")

    assert done.returncode == 1
    assert (stopped.home / "soapstone.toml").read_text() == before


def test_init_overwrites_nothing_that_it_finds(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "notes").write_text("mine")
    (home / "soapstone.db").write_text("mine too")
    command = (SOAPSTONE, "--home", home, "init", "--port", str(free_ports()))

    refused = run(*command)

    assert refused.returncode == 1
    assert "soapstone.db exists already" in refused.stderr
    assert sorted(path.name for path in home.iterdir()) == ["notes", "soapstone.db"]
    (home / "soapstone.db").unlink()
    must(*command)
    assert (home / "notes").read_text() == "mine"


@pytest.mark.parametrize("key", ["ec-p256", "ec-p384", "rsa-2048", "rsa-3072"])
def test_each_kind_of_ca_key_makes_a_chain_that_openssl_accepts(tmp_path: Path, key: str) -> None:
    house = House(tmp_path, options=("--development", "--key", key))

    verified = must("openssl", "verify", "-CAfile", house.trust, house.home / "authority" / "issuing.pem")

    assert verified.strip().endswith("OK")


def test_no_secret_of_a_sheet_is_found_in_the_home_or_the_log(house: House) -> None:
    sheet = house.register("--kind", "organization", "--subject", "CN=Shop,C=TW", "--dns", "shop.example")
    house.stop()

    stored = b"".join(path.read_bytes() for path in house.home.rglob("*") if path.is_file()) + house.log.encode()

    for secret in (sheet["initial_password"], sheet["enrollment_code"], sheet["eab"]["hmac_key"]):
        assert secret.encode() not in stored


def test_the_servers_own_certificate_is_renewed_while_it_serves(house: House) -> None:
    before = served_certificate(house.port)
    house.move_clock(days=380)

    deadline = time.monotonic() + _RENEWAL_SECONDS
    while served_certificate(house.port) == before:
        assert time.monotonic() < deadline, "the certificate was not renewed"
        time.sleep(0.5)

    assert served_certificate(house.port + 1) == served_certificate(house.port)


def test_crls_are_published_on_a_schedule(house: House) -> None:
    def number() -> int:
        return served_crl(house).extensions.get_extension_for_class(x509.CRLNumber).value.crl_number

    before = number()
    house.move_clock(days=2)

    deadline = time.monotonic() + _RENEWAL_SECONDS
    while number() == before:
        assert time.monotonic() < deadline, "no CRL followed"
        time.sleep(0.5)


def test_commands_print_one_json_value(house: House) -> None:
    sheet = house.register("--kind", "organization", "--subject", "CN=Shop,C=TW", "--dns", "shop.example")

    listed = json.loads(house.command("registrations", "--json"))
    shown = json.loads(house.command("show", sheet["account"], "--json"))
    held = json.loads(house.command("certificates", "--json"))

    assert listed == [shown]
    assert held == []


def test_the_clock_of_a_production_server_cannot_be_moved(tmp_path: Path) -> None:
    house = House(tmp_path, options=())
    house.move_clock(days=1000)

    sheet = house.register("--kind", "device", "--subject", "CN=sensor,C=TW")

    assert json.loads(house.command("show", sheet["account"], "--json"))["created_at"] < "2029"


@pytest.mark.parametrize(
    "setting",
    [
        *("acme.nonsense=1", "profiles.nix.validity_seconds=100", "host=my_host", "public_url=nonsense"),
        *(
            "store.url=postgresql://x",
            "authority.passphrase=env:NOT_SET",
            "acme.resolvers=['a']",
            "renewal.window_days=-1",
        ),
    ],
)
def test_an_init_that_fails_says_so_in_one_line_and_can_be_tried_again(tmp_path: Path, setting: str) -> None:
    home = tmp_path / "home"
    command = (SOAPSTONE, "--home", home, "init", "--port", str(free_ports()))

    failed = run(*command, "--set", setting)

    assert failed.returncode != 0
    assert len(failed.stderr.splitlines()) == 1
    must(*command)


def test_a_profile_may_live_for_an_hour(tmp_path: Path) -> None:
    house = House(tmp_path, "profiles.device.validity_seconds=3600")
    house.start()
    sheet = house.register("--kind", "device", "--subject", "CN=sensor,C=TW")
    device = Device(house, tmp_path / "device")

    assert device.enroll(sheet) == 200
    house.stop()


@pytest.mark.in_a_file
def test_a_lost_database_is_never_replaced_by_an_empty_one(stopped: House) -> None:
    (stopped.home / "soapstone.db").unlink()

    for command in ("serve", "doctor", "registrations"):
        done = stopped.attempt(command)
        assert done.returncode == 1
        assert "is missing; restore it from your backup" in done.stderr


@pytest.mark.in_a_file
def test_a_damaged_database_ends_every_command(stopped: House) -> None:
    (stopped.home / "soapstone.db").write_bytes(b"garbage" * 1000)

    done = stopped.attempt("doctor")

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def test_a_home_is_served_by_one_process(house: House) -> None:
    done = house.attempt("serve")

    assert done.returncode == 1
    assert "another process serves" in done.stderr


def test_a_usage_error_is_one_line(stopped: House) -> None:
    done = stopped.attempt("register", "--kind", "nonsense", "--subject", "CN=x")

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_a_clock_that_was_ahead_heals_at_the_next_start(stopped: House) -> None:
    stopped.move_clock(days=200)
    stopped.command("crl", "publish")
    stopped.start()
    stopped.stop()
    stopped.move_clock(days=0)

    stopped.start()

    issuing = x509.load_pem_x509_certificate((stopped.home / "authority" / "issuing.pem").read_bytes())
    soon = issuing.not_valid_before_utc + timedelta(days=1)
    own = x509.load_der_x509_certificate(served_certificate(stopped.port))
    assert own.not_valid_before_utc < soon
    deadline = time.monotonic() + _RENEWAL_SECONDS
    while served_crl(stopped).last_update_utc > soon:
        assert time.monotonic() < deadline, "the CRL from the future was not replaced"
        time.sleep(0.5)
    stopped.close()


def test_a_reason_that_would_leave_the_certificate_good_is_refused(house: House, tmp_path: Path) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=sensor,C=TW")
    Device(house, tmp_path / "device").enroll(sheet)
    (held,) = house.certificates(sheet["account"])

    for reason in ("removeFromCRL", "nonsense"):
        assert house.attempt("revoke", held["serial"], "--reason", reason).returncode == 1
    assert house.certificates(sheet["account"])[0]["status"] == "valid"


@pytest.mark.in_a_file
def test_a_backup_taken_while_serving_is_a_home_again(house: House, tmp_path: Path) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=sensor,C=TW")
    device = Device(house, tmp_path / "device")
    assert device.enroll(sheet) == 200
    house.command("backup", str(tmp_path / "backup.tar.gz"))
    house.stop()
    held = house.certificates(sheet["account"])
    house.home.rename(tmp_path / "lost")

    said = house.command("restore", str(tmp_path / "backup.tar.gz"))
    house.command("restore", "--acknowledge")
    house.start()

    assert "restore --acknowledge" in said
    assert house.certificates(sheet["account"]) == held
    assert device.enroll(sheet) == 200
    assert (tmp_path / "backup.tar.gz").stat().st_mode & 0o077 == 0
    house.command("doctor")


@pytest.mark.in_a_file
def test_a_backup_holds_the_files_of_the_home_that_settings_and_cas_name(stopped: House, tmp_path: Path) -> None:
    home, blocked = stopped.home, "lists/blocked-keys"
    for folder in ("lists", "vault"):
        (home / folder).mkdir(mode=0o700)
    (home / blocked).write_text(f"{'ab' * 32}\n")
    (home / "lists" / "agreement.txt").write_text("Keep your key.")
    (home / "lists" / "makers.pem").write_bytes(Maker("Trusted").cas())
    for secret in ("passphrase", "credential.key", "journal.key"):
        (home / "secrets" / secret).rename(home / "vault" / secret)
    appended(
        stopped,
        f"""
[keys]
blocklist = "{blocked}"
[agreement]
file = "lists/agreement.txt"
version = "2026-1"
[est.labels.device]
trust_anchors = "lists/makers.pem"
[authority]
passphrase = "file:vault/passphrase"
[credentials]
key = "file:{home}/vault/credential.key"
[journal]
key = "file:vault/journal.key"
""",
    )
    must(
        "openssl",
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:P-384",
        "-aes256",
        "-pass",
        f"file:{home / 'vault' / 'passphrase'}",
        "-out",
        home / "vault" / "second.key",
    )
    stopped.command("authority", "add", "second", "--key-uri", "file:vault/second.key")
    held = {path.name: path.read_bytes() for path in (home / "vault").iterdir()}
    stopped.command("backup", str(tmp_path / "backup.tar.gz"))
    home.rename(tmp_path / "lost")

    stopped.command("restore", str(tmp_path / "backup.tar.gz"))

    assert {path.name: path.read_bytes() for path in (home / "vault").iterdir()} == held
    stopped.command("restore", "--acknowledge")
    stopped.command("doctor")
    stopped.start()
    stopped.stop()


@pytest.mark.in_a_file
def test_a_backup_holds_nothing_that_is_kept_outside_of_the_home_and_stops_at_nothing_that_is_missing(
    stopped: House, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").write_text(f"{'ab' * 32}\n")
    (stopped.home / "linked").symlink_to(tmp_path / "elsewhere")
    appended(stopped, '[keys]\nblocklist = "linked"\n[authority]\npin = "file:gone"\n')

    stopped.command("backup", str(tmp_path / "backup.tar.gz"))

    names = must("tar", "-tzf", tmp_path / "backup.tar.gz").split()
    assert {name.partition("/")[0] for name in names} == {
        "soapstone.toml",
        "soapstone.db",
        "trust.pem",
        "authority",
        "secrets",
    }


@pytest.mark.in_a_file
def test_a_restore_finds_no_place_beside_what_a_killed_server_left(stopped: House, tmp_path: Path) -> None:
    stopped.command("backup", str(tmp_path / "backup.tar.gz"))
    stopped.start()
    stopped.register("--kind", "device", "--subject", "CN=sensor,C=TW")
    stopped.kill()
    left = (stopped.home / "soapstone.db-wal").read_bytes()
    shutil.rmtree(stopped.home)
    stopped.home.mkdir()
    (stopped.home / "soapstone.db-wal").write_bytes(left)

    refused = stopped.attempt("restore", str(tmp_path / "backup.tar.gz"))

    assert refused.returncode == 1
    assert "soapstone.db-wal exists already" in refused.stderr
    assert [path.name for path in stopped.home.iterdir()] == ["soapstone.db-wal"]
    (stopped.home / "soapstone.db-wal").unlink()
    stopped.command("restore", str(tmp_path / "backup.tar.gz"))
    assert json.loads(stopped.command("registrations", "--json")) == []


@pytest.mark.in_a_file
def test_doctor_finds_a_page_that_was_damaged(house: House) -> None:
    house.register("--kind", "device", "--subject", "CN=sensor,C=TW")
    house.stop()
    database = house.home / "soapstone.db"
    with sqlite3.connect(database) as store:
        (page,) = store.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'certificates'").fetchone()
        (octets,) = store.execute("PRAGMA page_size").fetchone()
    store.close()
    with database.open("r+b") as file:
        file.seek((page - 1) * octets)
        file.write(b"\xff" * octets)

    done = house.attempt("doctor")

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "the database is damaged" in done.stderr
    assert "restore your newest backup" in done.stderr


@pytest.mark.in_a_file
def test_a_backup_overwrites_nothing_and_a_restore_no_home(stopped: House, tmp_path: Path) -> None:
    stopped.command("backup", str(tmp_path / "backup.tar.gz"))

    again = stopped.attempt("backup", str(tmp_path / "backup.tar.gz"))
    over = stopped.attempt("restore", str(tmp_path / "backup.tar.gz"))

    assert (again.returncode, over.returncode) == (1, 1)
    assert "not overwritten" in again.stderr
    assert "is a home already" in over.stderr


def served_certificate(port: int) -> bytes:
    """What a listener shows now, whatever its dates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        shown = tls.getpeercert(binary_form=True)
    assert shown is not None
    return shown


def served_crl(house: House) -> x509.CertificateRevocationList:
    """The issuing CA's CRL as the repository serves it."""
    der = house.home.parent / "served.crl"
    must("curl", "--silent", "--fail", "-o", der, f"{house.repository}/crl/issuing.crl")
    return x509.load_der_x509_crl(der.read_bytes())

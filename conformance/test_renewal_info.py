"""ACME Renewal Information over the wire (RFC 9773), and certbot, which asks for it before it renews."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from conformance.acme import Client, b64
from conformance.clients.certbot import Certbot
from conformance.clients.machine import house_of_the_past
from conformance.house import House, must

_SETTINGS = ("profiles.short.based_on=tls-server", "profiles.short.validity_days=7")
_AT_ONCE = 50
OLD, HALF = 6.6, 3.9
"""How many days ago a certificate of seven days was made: one that is due, and one that certbot alone calls due."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house_of_the_past(tmp_path_factory.mktemp("house"), *_SETTINGS, days=75) as built:
        built.start()
        yield built


@pytest.fixture(scope="module")
def sheet(house: House) -> dict[str, Any]:
    names = ("--zone", "vetted.example", "--profile", "tls-server", "--profile", "short")
    return house.register("--kind", "partner", "--subject", "CN=Shop,C=TW", "--account", "shop", *names)


@pytest.fixture(scope="module")
def client(house: House, sheet: dict[str, Any]) -> Client:
    made = Client(house)
    assert made.new_account(sheet["eab"]).status == 201
    return made


@pytest.fixture(scope="module")
def old(client: Client) -> dict[str, bytes]:
    """Certificates of 90 days by name, 75 days ago."""
    return {name: client.certificate(f"{name}.vetted.example")[1] for name in ("raced", "revoked", "fresh")}


@pytest.fixture(scope="module")
def machine(
    house: House, sheet: dict[str, Any], old: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> Certbot:
    """certbot with two certificates of seven days, of different ages; from now on it is today."""
    assert len(old) == 3
    certbot = Certbot(house, tmp_path_factory.mktemp("machine"))
    for name, days in (("old", OLD), ("half", HALF)):
        house.move_clock(days=-days)
        done = certbot.certonly(f"{name}.vetted.example", sheet, "--required-profile", "short")
        assert done.returncode == 0, done.stderr
    house.move_clock(days=0)
    return certbot


def name_of(der: bytes) -> str:
    """A certificate as RFC 9773, 4.1 names it."""
    certificate = x509.load_der_x509_certificate(der)
    key = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    number = certificate.serial_number
    return f"{b64(key or b'')}.{b64(number.to_bytes(number.bit_length() // 8 + 1, 'big'))}"


def looked_up(house: House, client: Client, der: bytes, folder: Path) -> tuple[dict[str, Any], str]:
    """What curl is told without any account, and the header."""
    url = f"{client.directory['renewalInfo']}/{name_of(der)}"
    header = folder / "header"
    body = must("curl", "-sSf", "--cacert", house.trust, "-D", header, url)
    return json.loads(body), header.read_text().lower()


def serial_of(path: Path) -> int:
    return x509.load_pem_x509_certificate(path.read_bytes()).serial_number


def instant(text: str) -> int:
    return int(must("date", "--date", text, "+%s"))


def test_certbot_renews_what_is_due_and_leaves_what_is_not_by_our_word(machine: Certbot) -> None:
    before = {name: serial_of(machine.live(f"{name}.vetted.example")) for name in ("old", "half")}

    done = machine("renew", "--no-random-sleep-on-renew")

    assert done.returncode == 0, done.stderr
    after = {name: serial_of(machine.live(f"{name}.vetted.example")) for name in ("old", "half")}
    assert after["old"] != before["old"]
    # certbot by itself renews a certificate of seven days at half of its life.
    assert after["half"] == before["half"]
    assert "half.vetted.example" in done.stdout
    log = (machine.folder / "letsencrypt.log").read_text()
    assert log.count("GET /acme/renewal-info/") == 2


@pytest.mark.usefixtures("machine")
def test_the_window_that_is_suggested_lies_in_the_one_in_which_we_renew(
    house: House, client: Client, old: dict[str, bytes], tmp_path: Path
) -> None:
    certificate = x509.load_der_x509_certificate(old["fresh"])

    shown, header = looked_up(house, client, old["fresh"], tmp_path)

    start, end = instant(shown["suggestedWindow"]["start"]), instant(shown["suggestedWindow"]["end"])
    expires = int(certificate.not_valid_after_utc.timestamp())
    assert expires - 30 * 86_400 <= start < end <= expires
    assert "retry-after: 21600" in header
    assert "cache-control: public" in header
    page = must("curl", "-sSf", "--cacert", house.trust, shown["explanationURL"])
    assert "Renewal Information" in page


@pytest.mark.usefixtures("machine")
def test_a_revoked_certificate_is_late_and_may_be_replaced_at_once(
    house: House, client: Client, old: dict[str, bytes], tmp_path: Path
) -> None:
    serial = f"{x509.load_der_x509_certificate(old['revoked']).serial_number:040x}"
    house.command("revoke", serial, "--reason", "superseded")

    shown, _ = looked_up(house, client, old["revoked"], tmp_path)
    placed = client.new_order("revoked.vetted.example", replaces=name_of(old["revoked"]))

    assert instant(shown["suggestedWindow"]["end"]) <= instant("now")
    assert (placed.status, placed.json["replaces"]) == (201, name_of(old["revoked"]))


@pytest.mark.usefixtures("machine")
def test_a_recalled_certificate_is_late_long_before_its_window(house: House, client: Client, tmp_path: Path) -> None:
    _, young = client.certificate("recalled.vetted.example")
    serial = f"{x509.load_der_x509_certificate(young).serial_number:040x}\n"
    (tmp_path / "serials").write_text(serial)

    printed = house.command("recall", "--serials", str(tmp_path / "serials"), "--note", "the CA made a mistake")
    shown, _ = looked_up(house, client, young, tmp_path)
    placed = client.new_order("recalled.vetted.example", replaces=name_of(young))

    assert printed.startswith("1 are recalled")
    assert instant(shown["suggestedWindow"]["end"]) <= instant("now")
    assert placed.status == 201
    assert house.attempt("recall").returncode == 2


@pytest.mark.usefixtures("machine")
def test_of_many_orders_at_once_one_replaces_a_certificate(client: Client, old: dict[str, bytes]) -> None:
    url = client.directory["newOrder"]
    identifiers = [{"type": "dns", "value": "raced.vetted.example"}]
    bodies = [
        client.signed(url, {"identifiers": identifiers, "replaces": name_of(old["raced"])}) for _ in range(_AT_ONCE)
    ]

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(pool.map(lambda body: client.send(url, body), bodies))

    assert sorted(answer.status for answer in answers) == [201, *[409] * (_AT_ONCE - 1)]
    assert {answer.problem for answer in answers if answer.status == 409} == {"alreadyReplaced"}


@pytest.mark.usefixtures("machine")
def test_early_replacements_and_other_accounts_are_refused(house: House, client: Client) -> None:
    _, young = client.certificate("young.vetted.example")
    sheet = house.register("--kind", "partner", "--subject", "CN=Other,C=TW", "--zone", "vetted.example")
    other = Client(house)
    other.new_account(sheet["eab"])

    early = client.new_order("young.vetted.example", replaces=name_of(young))
    foreign = other.new_order("young.vetted.example", replaces=name_of(young))
    nameless = client.new_order("another.vetted.example", replaces=name_of(young))

    assert (early.problem, foreign.problem, nameless.problem) == ("rateLimited", "malformed", "malformed")
    assert int(early.headers["Retry-After"]) > 86_400


def test_one_spelling_is_found_and_no_other(client: Client, old: dict[str, bytes]) -> None:
    base, name = client.directory["renewalInfo"], name_of(old["fresh"])
    key, _, number = name.partition(".")
    pem = x509.load_der_x509_certificate(old["fresh"]).public_bytes(Encoding.PEM)

    assert client.get(f"{base}/{name}").status == 200
    for wrong in (f"{name}=", f"{key}.{number}A", f"{number}.{key}", f"{key}.", "x", b64(pem[:40])):
        assert client.get(f"{base}/{wrong}").problem == "malformed"
        assert client.get(f"{base}/{wrong}").status == 404
    assert client.raw("POST", f"{base}/{name}").status == 405

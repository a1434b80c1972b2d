"""A home whose store goes to another database, and back: for its subscribers nothing has happened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance import stores
from conformance.acme import Client, b64, csr, new_key
from conformance.clients.device import Device
from conformance.house import House
from conformance.servers import Fellow
from conformance.waiting import until

DAYS_TO_THE_WINDOW = 62


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, store=stores.IN_A_FILE)
    made.start()
    yield made
    made.close()


@pytest.fixture
def elsewhere() -> Iterator[str]:
    url = stores.new(stores.POSTGRESQL)
    yield url
    stores.forget(url)


def crl_number(house: House) -> int:
    published = json.loads(house.command("crl", "publish", "--json"))
    return max(int(one["number"]) for one in published)


def test_subscribers_notice_nothing(house: House, tmp_path: Path, elsewhere: str) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=sensor,C=TW")
    device = Device(house, tmp_path / "device")
    assert device.enroll(sheet) == 200
    partner = house.register("--kind", "partner", "--subject", "CN=Shop,C=TW", "--zone", "shop.example")
    client = Client(house)
    assert client.new_account(partner["eab"]).status == 201
    order = client.new_order("www.shop.example").json
    old = house.certificates(sheet["account"])
    before = crl_number(house)
    house.stop()

    said = house.command("migrate", "--to", elsewhere)

    assert "read back and found the same" in said
    assert "rows proved" in said
    assert "renewed: this server's TLS certificate" in said
    assert f'url = "{elsewhere}"' in (house.home / "soapstone.toml").read_text()
    house.start()
    assert house.certificates(sheet["account"]) == old
    assert client.post(order["finalize"], {"csr": b64(csr(new_key(), "www.shop.example"))}).status == 200
    assert crl_number(house) > before
    house.move_clock(days=DAYS_TO_THE_WINDOW)
    device.keep()
    device.ask_like(device.certificate)
    assert device.reenroll() == 200
    house.command("journal", "verify")
    # The CRL of before is overdue by now, until the server has looked at its clock.
    until(lambda: house.attempt("doctor").returncode == 0, what="doctor finds nothing")
    house.stop()
    # And back, as an operator does who wants it in a file.
    house.command("migrate", "--to", "sqlite:again.db")
    house.command("journal", "verify")
    assert len(house.certificates(sheet["account"])) == len(old) + 1


def test_a_home_that_is_served_stays_where_it_is(house: House, elsewhere: str) -> None:
    done = house.attempt("migrate", "--to", elsewhere)

    assert done.returncode == 1
    assert "stop it first" in done.stderr


def test_a_store_that_another_server_serves_stays_where_it_is(tmp_path: Path, elsewhere: str) -> None:
    first = House(tmp_path, store=elsewhere)
    handed_over = tmp_path / "handed-over.tar.gz"
    first.command("backup", "--for-another-server", str(handed_over))
    (tmp_path / "second").mkdir()
    second = Fellow(tmp_path / "second", handed_over, elsewhere)
    second.start()

    try:
        done = first.attempt("migrate", "--to", "sqlite:again.db")

        assert done.returncode == 1
        assert "another server" in done.stderr
        assert not (first.home / "again.db").exists()
    finally:
        second.stop()
    first.command("migrate", "--to", "sqlite:again.db")
    first.command("journal", "verify")


def test_a_move_that_ended_before_its_last_step_is_made_again(house: House, elsewhere: str) -> None:
    house.stop()
    checkpoint = house.home / "journal" / "checkpoint"
    true = checkpoint.read_bytes()
    checkpoint.write_bytes(b"not a checkpoint")
    assert house.attempt("migrate", "--to", elsewhere).returncode == 1
    checkpoint.write_bytes(true)

    house.command("migrate", "--to", elsewhere)

    house.command("journal", "verify")
    house.start()
    house.stop()
    # From now on it is in use, whatever the settings say.
    settings = house.home / "soapstone.toml"
    settings.write_text(settings.read_text().replace(elsewhere, stores.IN_A_FILE))
    assert "is in use" in house.attempt("migrate", "--to", elsewhere).stderr


def test_a_move_that_failed_after_something_was_signed_in_the_new_place_is_made(house: House, elsewhere: str) -> None:
    """For what was signed there is known there alone."""
    house.stop()
    in_the_way = house.home / "tls" / "server.new"
    in_the_way.mkdir()

    failed = house.attempt("migrate", "--to", elsewhere)

    assert failed.returncode == 1
    assert "the home has moved" in failed.stderr
    assert "server.pem cannot be written" in failed.stderr
    assert "is at" in house.attempt("migrate", "--to", elsewhere).stderr
    in_the_way.rmdir()
    house.start()
    house.command("journal", "verify")
    house.stop()


def test_a_store_in_use_is_not_written_over(house: House, tmp_path: Path) -> None:
    house.stop()
    (tmp_path / "second").mkdir()
    second = House(tmp_path / "second", store=stores.IN_A_FILE)
    before = (house.home / "soapstone.toml").read_text()

    done = house.attempt("migrate", "--to", f"sqlite:{second.home / 'soapstone.db'}")

    assert done.returncode == 1
    assert "is in use" in done.stderr
    assert (house.home / "soapstone.toml").read_text() == before
    second.command("doctor")

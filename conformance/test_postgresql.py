"""A server whose store is in PostgreSQL: all that one server does, and a database that goes away and comes back."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.acme import Client
from conformance.clients.device import Device
from conformance.house import SOAPSTONE, House, free_ports, must, run
from conformance.postgresql import Cluster
from conformance.test_journal import Callers, verified
from conformance.test_revocation import entry, follows
from conformance.waiting import until


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """One of this test alone, which it may stop."""
    started = Cluster()
    yield started
    started.close()


@pytest.fixture
def store(cluster: Cluster) -> str:
    return cluster.url(cluster.make())


def test_certificates_come_go_and_are_journaled(house: House, tmp_path: Path) -> None:
    client = Client(house)
    sheet = house.register("--kind", "partner", "--account", "shop", "--subject", "CN=Shop", "--zone", "shop.example")
    assert client.new_account(sheet["eab"]).status == 201
    client.certificate("www.shop.example")
    device = Device(house, tmp_path / "device")
    sheet = house.register("--kind", "device", "--account", "meter", "--subject", "CN=meter")
    assert device.enroll(sheet) == 200

    (ordered,) = house.certificates("shop")
    house.command("revoke", ordered["serial"], "--reason", "keyCompromise")

    assert "Key Compromise" in follows(house, ordered["serial"], bool)
    assert entry(house, house.certificates("meter")[0]["serial"]) == ""
    listed = json.loads(house.command("journal", "list", "--json"))
    assert {"certificate-issued", "certificate-revoked", "crl-published"} <= {row["event"] for row in listed}
    verified(house)
    house.command("doctor")
    house.stop()
    house.start()
    assert house.certificates("shop")[0]["status"] == "revoked"


def test_a_database_that_goes_away_and_comes_back_is_waited_for(house: House, cluster: Cluster, tmp_path: Path) -> None:
    callers = Callers(house, tmp_path)
    assert callers.enroll() == 200

    cluster.stop(signal.SIGQUIT)
    # Whoever asks hears when to come again, and what is in memory is served.
    callers.device.ask("/CN=device")
    assert callers.enroll() == 503
    assert int(callers.device.header("Retry-After") or 0) > 0
    assert callers.device.curl(f"{house.est}/cacerts").stdout == "200"
    assert house.attempt("registrations").stderr.startswith("soapstone: cannot connect to the database")
    cluster.start()

    until(lambda: callers.enroll() == 200, what="devices enroll")
    until(lambda: callers.finalize().status == 200, what="orders are finalized")
    assert "Traceback" not in house.log
    verified(house)


def test_what_cannot_be_used_says_so_in_one_line_and_leaves_a_database_for_the_next_try(
    cluster: Cluster, tmp_path: Path
) -> None:
    url = cluster.url(cluster.make())
    home = ("--home", str(tmp_path / "home"))
    command = (SOAPSTONE, *home, "init", "--port", str(free_ports()), "--set", f"store.url={url}")

    failed = run(*command, "--set", 'profiles.nix.based_on="nothing"')
    broken = run(*command, "--set", "journal.checkpoint_file=/proc/nowhere/checkpoint")

    assert (failed.returncode, broken.returncode) == (1, 1)
    assert [len(one.stderr.splitlines()) for one in (failed, broken)] == [1, 1]
    must(*command)
    again = run(SOAPSTONE, "--home", str(tmp_path / "other"), *command[3:])
    assert again.returncode == 1
    assert "holds a store already" in again.stderr

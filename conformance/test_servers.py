"""Two servers on one database behind a balancer: right together, and one goes on when the other one dies."""

from __future__ import annotations

import json
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from cryptography import x509

from conformance import postgresql, subscriber
from conformance.acme import Answer, Client
from conformance.clients.certbot import at_home
from conformance.clients.device import Device
from conformance.clients.machine import Machine
from conformance.house import SOAPSTONE, House, must, run
from conformance.load import Subscriber, under_load
from conformance.servers import Servers, servers

T = TypeVar("T")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    # Shorter-lived than the window, so that it may always be renewed.
    brief = (
        "profiles.device.validity_hours=24",
        "profiles.brief.based_on=tls-server",
        "profiles.brief.validity_hours=24",
        "portal.gate=off",
    )
    with servers(tmp_path_factory.mktemp("servers"), *brief) as opened:
        yield opened


@pytest.fixture(autouse=True)
def in_order(pair: Servers) -> Iterator[None]:
    """After every test the journal is one unbroken chain, and no server has met a bug."""
    yield
    for house in pair.both:
        assert "Traceback" not in house.log, house.log[-6000:]
    pair.one.command("journal", "verify")


def at_once(*calls: Callable[[], T]) -> list[T]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def partner(pair: Servers, account: str) -> dict[str, Any]:
    given = ("--kind", "partner", "--account", account, "--subject", f"CN={account}", "--zone", f"{account}.example")
    return pair.one.register(*given, "--uses", "unlimited")


def test_acme_and_est_go_through_a_balancer_to_either_server(pair: Servers, tmp_path: Path) -> None:
    client = Client(pair)
    assert client.new_account(partner(pair, "corp")["eab"]).status == 201

    for number in range(4):
        client.certificate(f"www{number}.corp.example")

    sheet = pair.one.register("--kind", "device", "--account", "meter", "--subject", "CN=meter", "--dns", "m.example")
    device = Device(pair, tmp_path, subject="/CN=meter")
    assert device.enroll(sheet) == 200
    device.ask_like(device.certificate)
    # With the certificate of one server at the other, for the balancer changes between them.
    assert [device.reenroll(), device.reenroll()] == [200, 200]
    assert all(house.log.count("event=request listener=public") > 2 for house in pair.both)


def test_a_subscriber_signs_in_at_one_server_and_goes_on_at_the_other(pair: Servers) -> None:
    sheet = pair.one.register("--kind", "person", "--account", "yiru", "--subject", "CN=yiru,C=TW")
    yiru = subscriber.Subscriber(pair, sheet)

    # A connection for each request, and the balancer changes between the servers: two for each form.
    yiru.enter()
    pages = [yiru.get("/certificates") for _ in range(4)]

    assert [(page.status, page.url) for page in pages] == [(200, "/certificates")] * 4
    assert all(house.log.count("path=/certificates status=200") > 1 for house in pair.both)


def test_certbot_renews_at_the_server_that_is_left(pair: Servers, tmp_path: Path) -> None:
    name = "balanced.localhost"
    sheet = pair.one.register(
        *("--kind", "organization", "--account", "balanced", "--subject", "CN=Balanced,O=Example,C=TW"),
        *("--profile", "brief", "--dns", name, "--challenged"),
    )
    directory = f"https://localhost:{pair.port}/acme/directory"
    machine = Machine(pair.one, tmp_path / "machine", sheet, SERVER=directory, NAME=name)
    at_home(machine.folder, pair.one)
    machine.paste_first("certbot trust")
    assert machine.paste("certbot settings").returncode == 0
    issued = machine.paste("certbot issue")
    assert issued.returncode == 0, issued.stderr
    first = (machine.folder / "live" / name / "cert.pem").read_bytes()

    pair.one.stop()
    try:
        renewed = machine.shell("certbot renew --force-renewal")
        left = pair.other.certificates("balanced")
    finally:
        pair.one.start()

    assert renewed.returncode == 0, renewed.stderr
    assert (machine.folder / "live" / name / "cert.pem").read_bytes() != first
    assert machine.verifies(f"live/{name}/cert.pem", untrusted=f"live/{name}/chain.pem")
    assert len(left) == 2
    assert pair.one.certificates("balanced") == left


def test_a_nonce_of_one_server_is_spent_at_the_other_and_never_twice(pair: Servers) -> None:
    one, other = Client(pair.one), Client(pair.other)
    assert one.new_account(partner(pair, "nonces")["eab"]).status == 201
    other.key, other.account = one.key, one.account
    assert one.account

    jws = other.signed(one.account, None, header={"nonce": one.nonce()})
    answers = at_once(*(lambda client=client: client.send(one.account, jws) for client in (one, other) * 6))

    assert Counter(answer.status for answer in answers) == {200: 1, 400: 11}
    assert {answer.problem for answer in answers if answer.status == 400} == {"badNonce"}


def test_a_key_for_three_accounts_binds_three_whichever_servers_are_asked(pair: Servers) -> None:
    eab = pair.one.register(
        *("--kind", "partner", "--account", "three", "--subject", "CN=three", "--dns", "three.example", "--uses", "3")
    )["eab"]
    clients = [Client(house) for house in pair.both * 5]

    answers = at_once(*(lambda client=client: client.new_account(eab) for client in clients))

    assert Counter(answer.status for answer in answers)[201] == 3


def test_a_limit_is_one_limit(pair: Servers) -> None:
    clients = [Client(house) for house in pair.both]
    assert clients[0].new_account(partner(pair, "busy")["eab"]).status == 201
    clients[1].key, clients[1].account = clients[0].key, clients[0].account

    def change(client: Client, number: int) -> Answer:
        assert client.account
        return client.post(client.account, {"contact": [f"mailto:n{number}@busy.example"]})

    began = time.monotonic()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(change, clients * 53, range(106)))

    # 100 an hour: one comes back in 36 s.
    statuses = Counter(answer.status for answer in answers)
    assert 100 <= statuses[200] <= 101 + (time.monotonic() - began) / 36
    assert statuses[200] + statuses[429] == 106


def test_wrong_secrets_are_counted_once_for_all_servers(pair: Servers, tmp_path: Path) -> None:
    device = [Device(house, tmp_path / str(house.port), subject="/CN=x") for house in pair.both]

    began = time.monotonic()
    statuses = Counter(device[number % 2].post("simpleenroll", "-u", "nobody:wrong") for number in range(44))

    # 30 at once, and one more every 2 s.
    assert 30 <= statuses[401] <= 31 + (time.monotonic() - began) / 2
    assert statuses[401] + statuses[429] == 44


def test_who_is_suspended_is_refused_everywhere_within_a_second(pair: Servers) -> None:
    clients = [Client(house) for house in pair.both]
    assert clients[0].new_account(partner(pair, "gone")["eab"]).status == 201
    clients[1].key, clients[1].account = clients[0].key, clients[0].account
    assert all(client.new_order("a.gone.example").status == 201 for client in clients)

    pair.one.command("suspend", "gone")
    time.sleep(1)

    assert [client.new_order("b.gone.example").status for client in clients] == [403, 403]


def test_crls_of_two_servers_have_numbers_that_rise_and_show_what_either_revoked(pair: Servers, tmp_path: Path) -> None:
    client = Client(pair)
    assert client.new_account(partner(pair, "revoked")["eab"]).status == 201
    for number in range(4):
        client.certificate(f"n{number}.revoked.example")
    serials = [one["serial"] for one in pair.one.certificates("revoked")]

    at_once(
        *(
            lambda house=house, serial=serial: house.command("revoke", serial, "--reason", "superseded")
            for house, serial in zip(pair.both * 2, serials, strict=True)
        ),
        *(lambda house=house: house.command("crl", "publish") for house in pair.both * 2),
    )
    at_once(*(lambda house=house: house.command("crl", "publish") for house in pair.both))

    rows = [json.loads(row["detail"]) if isinstance(row["detail"], str) else row["detail"] for row in published(pair)]
    numbers = [row["number"] for row in rows if row["name"] == "issuing"]
    assert len(numbers) >= 6
    assert numbers == sorted(set(numbers))
    files = [tmp_path / str(house.port) for house in pair.both]
    for house, file in zip(pair.both, files, strict=True):
        must("curl", "-sf", "-o", file, f"{house.repository}/crl/issuing.crl")
    assert files[0].read_bytes() == files[1].read_bytes()


def published(pair: Servers) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(pair.one.command("journal", "list", "--json"))
    return [row for row in listed if row["event"] == "crl-published"]


def subscribers(pair: Servers, account: str, *, patient: bool) -> list[Subscriber]:
    sheet, zone = partner(pair, account), f"{account}.example"
    return [Subscriber(pair, sheet, zone, number, patient=patient) for number in range(4)]


def require_kept(pair: Servers, account: str, ordering: list[Subscriber]) -> int:
    """Nothing that was promised is lost, and no name has two certificates; returns how many there are."""
    assert not [failure for one in ordering for failure in one.failures]
    promised = {name for one in ordering for name in one.promised}
    stored = Counter(one["names"][0] for one in pair.one.certificates(account))
    assert {name.removeprefix("dns:") for name in stored} == promised
    assert set(stored.values()) == {1}
    return len(promised)


def test_a_server_that_is_killed_under_load_costs_nothing_but_time(pair: Servers) -> None:
    ordering = subscribers(pair, "killed", patient=True)

    def kill() -> None:
        time.sleep(1.5)
        pair.other.kill()
        time.sleep(1.5)
        pair.other.start()
        time.sleep(1)

    under_load(ordering, kill)

    assert require_kept(pair, "killed", ordering) > 8
    # 10 s until another one signs what the dead one had begun, and what a busy machine adds.
    assert max(one.slowest_seconds for one in ordering) < 40


def wait_for_crl(house: House, serial: str) -> None:
    """Until a server's CRL shows a revocation: whoever publishes for all of them has done it."""
    deadline = time.monotonic() + 15
    while True:
        der = urllib.request.urlopen(f"{house.repository}/crl/issuing.crl").read()  # noqa: S310  # our own server
        if x509.load_der_x509_crl(der).get_revoked_certificate_by_serial_number(int(serial, 16)):
            return
        assert time.monotonic() < deadline, "nobody publishes"
        time.sleep(0.2)


def test_servers_that_are_stopped_and_started_in_turn_lose_no_request(pair: Servers) -> None:
    """And what one process does for all is done by the other one."""
    client = Client(pair)
    assert client.new_account(partner(pair, "on-duty")["eab"]).status == 201
    for number in range(2):
        client.certificate(f"n{number}.on-duty.example")
    serials = [one["serial"] for one in pair.one.certificates("on-duty")]
    ordering = subscribers(pair, "rolling", patient=False)

    def roll() -> None:
        for house, left, serial in zip(pair.both, reversed(pair.both), serials, strict=True):
            time.sleep(1)
            house.stop()
            left.command("revoke", serial, "--reason", "superseded")
            wait_for_crl(left, serial)
            house.start()
            time.sleep(1)

    under_load(ordering, roll)

    assert require_kept(pair, "rolling", ordering) > 8


def test_a_server_goes_on_while_a_newer_one_has_added_to_the_schema(pair: Servers) -> None:
    cluster, database = postgresql.of_this_run(), pair.one.store.partition("@/")[2].partition("?")[0]
    ordering = subscribers(pair, "migrated", patient=False)

    def migrate() -> None:
        time.sleep(0.7)
        cluster.run("ALTER TABLE certificates ADD COLUMN of_tomorrow TEXT NOT NULL DEFAULT ''", database)
        cluster.run("ALTER TABLE acme_orders ADD COLUMN of_tomorrow BIGINT", database)
        cluster.run("INSERT INTO migrations VALUES ('core', 9999, 'tomorrow', 'digest', 0)", database)
        time.sleep(0.7)

    under_load(ordering, migrate)

    refused = pair.other.attempt("doctor")
    assert refused.returncode == 1
    assert "the database is newer than this program" in refused.stderr
    cluster.run("DELETE FROM migrations WHERE number = 9999", database)
    cluster.run("ALTER TABLE certificates DROP COLUMN of_tomorrow", database)
    cluster.run("ALTER TABLE acme_orders DROP COLUMN of_tomorrow", database)
    assert require_kept(pair, "migrated", ordering) > 2


def test_a_home_with_another_key_is_refused_with_what_to_do(pair: Servers, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    must("cp", "-r", pair.other.home, stranger)
    (stranger / "secrets" / "credential.key").write_text("00" * 32)

    refused = run(SOAPSTONE, "--home", stranger, "serve")

    assert refused.returncode == 1
    assert "credentials.key is not the key that this store was begun with" in refused.stderr

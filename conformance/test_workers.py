"""Several processes that serve one home: `serve --workers`."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from conformance import postgresql, stores
from conformance.acme import Client
from conformance.house import SOAPSTONE, House, run
from conformance.load import Subscriber, under_load
from conformance.waiting import until

_WORKERS = 2


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("house"), store=stores.new(stores.POSTGRESQL))
    built.served_with = ("--workers", str(_WORKERS))
    built.start()
    yield built
    built.close()


@pytest.fixture(autouse=True)
def serving(house: House) -> Iterator[None]:
    if house.has_stopped:
        house.start()
    yield
    assert "Traceback" not in house.log, house.log[-6000:]


def workers_of(house: House) -> list[int]:
    """The workers' processes."""
    return [int(pid) for pid in Path(f"/proc/{house.pid}/task/{house.pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def ready(house: House) -> str:
    """What is said of being ready, and how."""
    return run("curl", "-s", "-w", "%{http_code}", f"{house.repository}/health/ready").stdout


def test_an_sqlite_home_has_one_process_and_says_why(tmp_path: Path) -> None:
    home = House(tmp_path, store=stores.IN_A_FILE)

    refused = home.attempt("serve", "--workers", "2")

    assert refused.returncode == 1
    assert "an SQLite store has one writing process" in refused.stderr
    assert home.attempt("serve", "--workers", "0").stderr.strip().endswith("--workers takes a number from 1")


def test_an_sqlite_home_is_handed_to_no_other_server(tmp_path: Path) -> None:
    home, file = House(tmp_path, store=stores.IN_A_FILE), tmp_path / "handed-over"

    refused = home.attempt("backup", "--for-another-server", str(file))

    assert refused.returncode == 1
    assert "an SQLite store has one server" in refused.stderr
    home.command("backup", str(file))
    joined = run(SOAPSTONE, "--home", tmp_path / "other", "join", file)
    assert joined.returncode == 1
    assert "an SQLite store has one server" in joined.stderr
    assert not list((tmp_path / "other").iterdir())


def test_a_worker_that_is_killed_under_load_is_replaced_and_nothing_is_lost(house: House) -> None:
    sheet = house.register(
        *("--kind", "partner", "--account", "load", "--subject", "CN=load", "--zone", "load.example"),
        *("--uses", "unlimited"),
    )
    ordering = [Subscriber(house, sheet, "load.example", number, patient=True) for number in range(4)]
    before = workers_of(house)

    def kill() -> None:
        time.sleep(1)
        os.kill(before[0], signal.SIGKILL)
        until(lambda: len(set(workers_of(house)) - set(before)) == 1, what="another worker takes its place")
        time.sleep(1)

    under_load(ordering, kill)

    assert not [failure for one in ordering for failure in one.failures]
    promised = sorted(name for one in ordering for name in one.promised)
    assert sorted(one["names"][0].removeprefix("dns:") for one in house.certificates("load")) == promised
    assert len(promised) > 4
    assert "event=worker-died" in house.log
    house.command("journal", "verify")


class Asking(threading.Thread):
    """Asks again and again on connections that it keeps, until nobody listens any more."""

    def __init__(self, house: House) -> None:
        super().__init__(daemon=True)
        self._port = house.port
        self._tls = ssl.create_default_context(cafile=str(house.trust))
        self.answered = 0
        self.failure: Exception | None = None

    def run(self) -> None:
        while True:
            connection = http.client.HTTPSConnection("localhost", self._port, context=self._tls, timeout=30)
            try:
                connection.connect()
            except ConnectionRefusedError:
                return
            except OSError as error:
                self.failure = error
                return
            try:
                self._ask(connection)
            except (OSError, http.client.HTTPException) as error:
                self.failure = error
                return
            finally:
                connection.close()

    def _ask(self, connection: http.client.HTTPSConnection) -> None:
        """Until the server says that an answer was the last one, or a few times."""
        for _ in range(20):
            connection.request("GET", "/acme/directory")
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
            self.answered += 1
            if answer.headers.get("Connection", "").lower() == "close":
                return


def test_a_server_that_is_stopped_under_load_answers_every_request(house: House) -> None:
    asking = [Asking(house) for _ in range(8)]
    for one in asking:
        one.start()
    time.sleep(1)

    house.stop()

    for one in asking:
        one.join(20)
    assert [one.failure for one in asking] == [None] * 8
    assert all(one.answered for one in asking)


def test_no_worker_outlives_the_process_that_started_it(house: House) -> None:
    workers = workers_of(house)
    assert len(workers) == _WORKERS

    house.kill()

    until(lambda: not any(map(is_alive, workers)), what="all workers end")


@contextmanager
def begun(house: House) -> Iterator[None]:
    """A request whose body does not come."""
    context = ssl.create_default_context(cafile=str(house.trust))
    with (
        socket.create_connection(("localhost", house.port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        head = ("POST /acme/new-account HTTP/1.1", "Host: localhost", "Content-Type: application/jose+json")
        tls.sendall("\r\n".join([*head, "Content-Length: 9", "", ""]).encode())
        time.sleep(0.5)
        yield


def cpu_ticks(pid: int) -> int:
    """What a process has used, of which there are a hundred in a second; as much as ever when it is gone."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return int(fields[11]) + int(fields[12])


def test_a_worker_that_is_left_alone_spends_nothing_on_who_is_still_there(house: House) -> None:
    with begun(house):
        workers = workers_of(house)
        house.kill()
        until(lambda: sum(map(is_alive, workers)) == 1, what="one worker is left")
        (waiting,) = filter(is_alive, workers)
        before = cpu_ticks(waiting)

        time.sleep(2)

        assert is_alive(waiting)
        assert cpu_ticks(waiting) - before < 20
    until(lambda: not any(map(is_alive, workers)), what="all workers end")


def listening(pid: int) -> set[int]:
    """The ports that a process listens on."""
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    open_files = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since the list was made: a server at work opens and closes others
            open_files.add(str(file.readlink()))
    return {int(row[1].partition(":")[2], 16) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in open_files}


def test_every_worker_listens_once_the_server_says_that_it_is_ready(house: House) -> None:
    for _ in range(3):
        house.stop()
        house.start()

        found = [listening(pid) for pid in workers_of(house)]

        assert found == [set(range(house.port, house.port + 4))] * _WORKERS


def test_a_home_is_served_once(house: House) -> None:
    second = house.attempt("serve", "--workers", "2")

    assert second.returncode == 1
    assert "another process serves" in second.stderr


def test_a_server_whose_store_crashes_is_alive_and_not_ready_until_it_is_back(house: House) -> None:
    """And every nonce is void then: which ones were spent is forgotten, and the key of all of them with it."""
    assert ready(house) == "ready\n200"
    cluster, client = postgresql.of_this_run(), Client(house)
    sheet = house.register("--kind", "partner", "--account", "crash", "--subject", "CN=crash", "--dns", "crash.example")
    assert client.new_account(sheet["eab"]).status == 201
    assert client.account
    spent, fresh = client.nonce(), client.nonce()
    assert client.post(client.account, header={"nonce": spent}).status == 200

    cluster.stop(signal.SIGQUIT)
    try:
        without = ready(house)
        alive = run("curl", "-sf", f"{house.repository}/health/live").stdout
    finally:
        cluster.start()

    assert without == "store\n503"
    assert alive == "live\n"
    until(lambda: ready(house) == "ready\n200", what="it is ready again")
    # Each worker asks for the seed every two seconds.
    time.sleep(2.5)
    refused = [client.post(client.account, header={"nonce": nonce}) for nonce in (spent, fresh)]
    assert [answer.problem for answer in refused] == ["badNonce", "badNonce"]
    assert client.post(client.account, header={"nonce": refused[-1].headers["Replay-Nonce"]}).status == 200

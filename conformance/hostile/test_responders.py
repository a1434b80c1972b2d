"""Hostile web servers and name servers against the probes (WIRE, "Probes"; DESIGN, invariant 12).

=============================================  ================================================================
at most 10 redirects                           test_a_web_server_that_plays_with_redirects_proves_nothing
only http and https, ports 80 and 443          test_a_web_server_that_plays_with_redirects_proves_nothing
path at most 2,000                             test_a_web_server_that_plays_with_redirects_proves_nothing
no loopback, link-local or metadata            test_a_redirect_to_where_nobody_may_go_is_not_followed
body at most 128 octets past the expected      test_bodies_that_are_wrong_or_without_end_prove_nothing
10 s in all                                    test_who_is_slow_is_given_up_and_holds_up_nobody
response bytes are never echoed                all of them
resolve once, dial that address                test_a_name_that_changes_its_address_is_judged_each_time
CNAMEs at most 8                               test_a_name_server_that_plays_tricks_proves_nothing
black holes, SERVFAIL, garbage, forgeries      test_a_name_server_that_plays_tricks_proves_nothing
our own listeners                              test_nobody_has_us_talk_to_ourselves
=============================================  ================================================================

Only loopback is at hand, so the home allows it by name, as `--development` does. What is special and was not named
(other loopback addresses aside) stays denied: link-local, metadata, multicast, IPv6 loopback.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, BinaryIO

import pytest

from conformance.acme import Client
from conformance.dns import Hostile
from conformance.dns import Responder as NameServer
from conformance.hostile.conftest import account
from conformance.house import House
from conformance.responder import Play, Responder, challenges, page, proof, responder, saying, settled

SECRET = b"the-secret-of-the-intranet"
ZONE = "victim.example"
_PROBE_SECONDS = 10


@pytest.fixture(scope="module")
def names() -> Iterator[NameServer]:
    with NameServer() as started:
        started.put(f"*.{ZONE}", "A", ("127.0.0.1",))
        yield started


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, names: NameServer) -> Iterator[House]:
    settings = (f'acme.resolvers=["{names.address}"]', 'acme.probe_networks=["127.0.0.1/32"]')
    built = House(tmp_path_factory.mktemp("responders"), *settings)
    built.start()
    yield built
    built.close()


@pytest.fixture(scope="module")
def site(house: House) -> Iterator[Responder]:
    with responder(house.http_01_port) as opened:
        yield opened


@pytest.fixture(scope="module")
def sheet(house: House) -> dict[str, Any]:
    return house.register("--kind", "partner", "--subject", "CN=Victim,C=TW", "--zone", ZONE, "--challenged")


@pytest.fixture(scope="module")
def client(house: House, sheet: dict[str, Any]) -> Client:
    return account(house, sheet)


def ask(client: Client, name: str, kind: str = "http-01") -> str:
    """Have a challenge of a name looked at; return its URL."""
    (challenge,) = challenges(client, client.new_order(name).json, kind)
    assert client.post(challenge["url"], {}).status == 200
    return str(challenge["url"])


def first_error(client: Client, url: str) -> dict[str, Any]:
    """What the first look has brought, whether or not it is repeated; others may be looked at before."""
    deadline = time.monotonic() + 3 * _PROBE_SECONDS
    while "error" not in (shown := client.post(url).json):
        assert shown["status"] in {"pending", "processing"}, shown
        assert time.monotonic() < deadline, "nothing was said within the time of three probes"
        time.sleep(0.05)
    return dict(shown["error"])


def ends(client: Client, url: str) -> tuple[str, str]:
    """How the first look ended: the kind of error, and what was said; none of what came back is in it."""
    error = first_error(client, url)
    assert SECRET.decode() not in str(error)
    assert client.post(url).json["status"] in {"processing", "invalid"}
    return str(error["type"]).rpartition(":")[2], str(error)


def leading(target: str) -> Play:
    return saying(page(SECRET, status="302 Found", headers=f"Location: {target}\r\n"))


REDIRECTS = {
    "to itself": ("http://loop.victim.example:{port}/.well-known/acme-challenge/x", "connection"),
    "to a file": ("file:///etc/passwd", "unauthorized"),
    "to ftp": ("ftp://victim.example/", "unauthorized"),
    "to gopher": ("gopher://127.0.0.1:25/_HELO", "unauthorized"),
    "to another port": ("http://www.victim.example:25/", "unauthorized"),
    "with a password": ("http://user:secret@www.victim.example:{port}/", "unauthorized"),
    "without end": ("http://www.victim.example:{port}/" + "a" * 2_100, "unauthorized"),
    "to nowhere": ("", "unauthorized"),
    "to no URL": ("http://[::1", "unauthorized"),
    "to a blank": ("http://www victim.example/", "unauthorized"),
    "to a name that is not there": ("http://nobody.elsewhere.example:{port}/", "dns"),
}


@pytest.mark.parametrize("kind", REDIRECTS)
def test_a_web_server_that_plays_with_redirects_proves_nothing(
    house: House, client: Client, site: Responder, kind: str
) -> None:
    target, expected = REDIRECTS[kind]
    name = f"{kind.replace(' ', '-').lower()}.{ZONE}" if kind != "to itself" else f"loop.{ZONE}"
    site.play(name, leading(target.format(port=house.http_01_port)))

    problem, said = ends(client, ask(client, name))

    assert problem in {expected, "incorrectResponse"}, said
    assert site.asked[name] <= 11 * 4


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "[fd00:ec2::254]", "[::1]", "127.0.0.2", "0.0.0.0", "224.0.0.1", "[::ffff:169.254.169.254]"],
)
def test_a_redirect_to_where_nobody_may_go_is_not_followed(
    house: House, client: Client, site: Responder, address: str
) -> None:
    name = f"leads-{abs(hash(address))}.{ZONE}"
    site.play(name, leading(f"http://{address}:{house.http_01_port}/latest/meta-data/"))

    problem, said = ends(client, ask(client, name))

    assert problem == "connection", said
    assert "is not dialled" in said


def test_nobody_has_us_talk_to_ourselves(house: House, client: Client, site: Responder, names: NameServer) -> None:
    name = f"ourselves.{ZONE}"
    site.play(name, saying(page(SECRET, status="302 Found", headers=f"Location: https://localhost:{house.port}/\r\n")))

    problem, said = ends(client, ask(client, name))

    # Not a port that is followed; and at 443 it would be one of our own listeners.
    assert problem == "unauthorized", said


def endless(head: bytes) -> Play:
    """An answer that goes on for as long as anybody listens."""

    def play(_: str, out: BinaryIO) -> None:
        out.write(head)
        out.writelines(b"a" * 65_536 for _ in range(100_000))

    return play


BODIES: dict[str, Play] = {
    "secret": saying(page(SECRET)),
    "empty": saying(page(b"")),
    "not found": saying(page(SECRET, status="404 Not Found")),
    "error": saying(page(SECRET, status="500 Internal Server Error")),
    "no HTTP": saying(SECRET + b"\r\n\r\n"),
    "nothing": saying(b""),
    "giant length": saying(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + SECRET * 100),
    "giant header": saying(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n"),
    "compressed": saying(page(SECRET, headers="Content-Encoding: gzip\r\n")),
    "chunks without end": endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n"),
    "close without end": endless(b"HTTP/1.1 200 OK\r\n\r\n"),
}


@pytest.mark.parametrize("kind", BODIES)
def test_bodies_that_are_wrong_or_without_end_prove_nothing(client: Client, site: Responder, kind: str) -> None:
    name = f"{kind.replace(' ', '-').lower()}.{ZONE}"
    site.play(name, BODIES[kind])
    began = time.monotonic()

    problem, said = ends(client, ask(client, name))

    assert problem in {"unauthorized", "incorrectResponse", "connection"}, said
    assert time.monotonic() - began < _PROBE_SECONDS


def test_a_right_answer_with_something_behind_it_proves_nothing(client: Client, site: Responder) -> None:
    for after in (b".", b"\n" + SECRET):
        name = f"more-{len(after)}.{ZONE}"
        site.play(name, proof(client, after=after))

        assert ends(client, ask(client, name))[0] in {"unauthorized", "incorrectResponse"}


@pytest.fixture(scope="module")
def bystander(house: House, names: NameServer) -> Client:
    """Somebody else, whose name is served as it should be."""
    names.put("bystander.example", "A", ("127.0.0.1",))
    names_ = ("--dns", "bystander.example", "--challenged")
    return account(house, house.register("--kind", "partner", "--subject", "CN=Bystander,C=TW", *names_))


def test_who_is_slow_is_given_up_and_holds_up_nobody(client: Client, bystander: Client, site: Responder) -> None:
    leaving = threading.Event()

    def drip(_: str, out: BinaryIO) -> None:
        for octet in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100:
            out.write(bytes([octet]))
            if leaving.wait(0.5):
                return

    def mute(_: str, __: BinaryIO) -> None:
        leaving.wait(30)

    def body(_: str, out: BinaryIO) -> None:
        out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        leaving.wait(30)

    plays = {f"{play.__name__}{number}.{ZONE}": play for play in (drip, mute, body) for number in range(4)}
    for name, play in plays.items():
        site.play(name, play)
    site.play("bystander.example", proof(bystander))
    began = time.monotonic()
    slow = [ask(client, name) for name in plays]

    good = settled(bystander, ask(bystander, "bystander.example"))
    seen_good = time.monotonic() - began
    asked = time.monotonic()
    assert [client.get("/acme/directory").status for _ in range(10)] == [200] * 10
    answered_in = time.monotonic() - asked
    kinds = {ends(client, url)[0] for url in slow}
    took = time.monotonic() - began
    leaving.set()

    assert good["status"] == "valid"
    assert seen_good < _PROBE_SECONDS - 2
    assert answered_in < 5
    assert kinds == {"connection"}
    # As many of one registration as are looked at together, and the rest after them.
    assert took < 2 * _PROBE_SECONDS + 5


def test_a_name_that_changes_its_address_is_judged_each_time(
    house: House, client: Client, site: Responder, names: NameServer
) -> None:
    # The first answer is allowed and leads back to the same name, which then means the metadata service.
    name = f"rebinding.{ZONE}"
    names.put(name, "A", ("127.0.0.1",), ("169.254.169.254",))
    site.play(name, leading(f"http://{name}:{house.http_01_port}/latest/meta-data/"))

    problem, said = ends(client, ask(client, name))

    assert problem == "connection", said
    assert "169.254.169.254" not in said
    assert site.asked[name] == 1


@pytest.mark.parametrize("address", ["169.254.169.254", "224.0.0.1", "0.0.0.0", "127.0.0.53"])
def test_a_name_of_where_nobody_may_go_is_not_dialled(client: Client, names: NameServer, address: str) -> None:
    name = f"means-{address.replace('.', '-')}.{ZONE}"
    names.put(name, "A", (address,))

    problem, said = ends(client, ask(client, name))

    assert problem == "connection", said
    assert "is not dialled" in said


TRICKS = {
    "servfail": Hostile.SERVFAIL,
    "refused": Hostile.REFUSED,
    "silent": Hostile.SILENT,
    "garbage": Hostile.GARBAGE,
    "forged": Hostile.FORGED,
    "cut": Hostile.CUT,
}


def tricky(client: Client, names: NameServer, kind: str) -> dict[str, str]:
    """Have names looked at whose name server plays a trick each; the challenges by trick."""
    asked = {}
    for trick, how in TRICKS.items():
        name = f"{trick}-{kind}.{ZONE}"
        place = f"_acme-challenge.{name}" if kind == "dns-01" else name
        names.add(place, "TXT", SECRET.decode())
        names.misbehave(place, how)
        asked[f"{trick} {kind}"] = ask(client, name, kind)
    for trick in ("loop", "chain"):
        name = f"{trick}-{kind}.{ZONE}"
        end = f"end.{trick}.{kind}.elsewhere.example"
        aliases = [f"_acme-challenge.{name}" if kind == "dns-01" else name]
        aliases += [f"alias{step}.{trick}.{kind}.elsewhere.example" for step in range(12)]
        targets = [*aliases[1:], aliases[0] if trick == "loop" else end]
        for alias, target in zip(aliases, targets, strict=True):
            names.put(alias, "CNAME", (f"{target}.",))
        names.put(end, "TXT", (SECRET.decode(),))
        asked[f"{trick} {kind}"] = ask(client, name, kind)
    return asked


def test_a_name_server_that_plays_tricks_proves_nothing(client: Client, names: NameServer) -> None:
    asked = tricky(client, names, "http-01") | tricky(client, names, "dns-01")

    kinds = {trick: ends(client, url)[0] for trick, url in asked.items()}

    assert set(kinds.values()) <= {"dns", "connection"}, kinds


def test_a_black_hole_is_said_to_be_one(house: House, client: Client, names: NameServer) -> None:
    # A listener that takes no connection: its backlog is full.
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        name = f"hole.{ZONE}"
        began = time.monotonic()

        problem, _ = ends(client, ask(client, name, "tls-alpn-01"))

        assert problem == "connection"
        assert time.monotonic() - began < _PROBE_SECONDS + 3

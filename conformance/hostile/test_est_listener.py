"""Clients that only cost: each is ended in a bounded time, and others are served meanwhile (WIRE, "TLS")."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from conformance.channel import Tls12 as Device
from conformance.channel import enroll_head, exchange, request
from conformance.house import House

SECONDS = 2
SHARE = 30
HEAD = b"POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pkcs10\r\n"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = (f"limits.arrival_seconds={SECONDS}", f"limits.connections_per_address={SHARE}")
    built = House(tmp_path_factory.mktemp("listener"), *limits)
    built.start()
    yield built
    built.close()


def tcp(house: House) -> socket.socket:
    return socket.create_connection(("127.0.0.1", house.port + 1), timeout=20)


def tls(house: House, plain: socket.socket) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(house.trust))
    return context.wrap_socket(plain, server_hostname="localhost")


def dripped(connection: socket.socket, start: bytes, drip: bytes) -> tuple[bytes, float]:
    """Send the start, then an octet each quarter of a second; what came back until the end, and after how long."""
    began = time.monotonic()
    answer = b""
    try:
        if start:
            connection.sendall(start)
        for octet in drip:
            connection.sendall(bytes([octet]))
            connection.settimeout(0.25)
            try:
                answer += (came := connection.recv(65_536))
            except TimeoutError:
                continue
            if not came:
                break
        connection.settimeout(20)
        while came := connection.recv(65_536):
            answer += came
    except (ConnectionError, ssl.SSLError):
        pass
    return answer, time.monotonic() - began


def test_what_drips_or_is_silent_is_cut_off_and_others_are_served(shared: House) -> None:
    sheet = shared.register("--kind", "device", "--subject", "CN=sensor,C=TW", "--uses", "unlimited")

    with ExitStack() as stack:
        plain = [stack.enter_context(tcp(shared)) for _ in range(2)]
        secure = [stack.enter_context(tls(shared, stack.enter_context(tcp(shared)))) for _ in range(3)]
        pool = stack.enter_context(ThreadPoolExecutor(5))
        work = [
            pool.submit(dripped, plain[0], b"", b""),
            pool.submit(dripped, plain[1], b"\x16\x03\x01\x02\x00\x01", bytes(40)),
            pool.submit(dripped, secure[0], b"", b""),
            pool.submit(dripped, secure[1], b"", HEAD),
            pool.submit(dripped, secure[2], HEAD + b"Content-Length: 50\r\n\r\n", b"A" * 40),
        ]
        device = Device(shared)
        status, _ = exchange(device, enroll_head(sheet), request("sensor", []))
        device.close()
        ended = [one.result() for one in work]

    assert status == 200
    assert [answer for answer, _ in ended[:4]] == [b""] * 4
    assert ended[4][0].startswith(b"HTTP/1.1 400 ")
    assert all(SECONDS - 0.5 < seconds < SECONDS + 3 for _, seconds in ended[:4]), ended
    # aiohttp listens for the rest of a body for up to 10 s more, so that the answer is read.
    assert ended[4][1] < SECONDS + 13


def test_a_wrong_chunk_in_a_later_packet_is_answered_at_once(shared: House) -> None:
    with tcp(shared) as plain, tls(shared, plain) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nAAA\r\n")
        time.sleep(0.3)
        answer, seconds = dripped(connection, b"zz\r\n", b"")

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"not framed as its headers say; see " in answer
    assert seconds < 1


def test_one_address_has_its_share_of_the_connections(shared: House) -> None:
    with ExitStack() as stack:
        held = [stack.enter_context(tcp(shared)) for _ in range(SHARE)]
        late = stack.enter_context(tcp(shared))
        assert late.recv(1) == b""
        # The other doors count for themselves.
        with socket.create_connection(("127.0.0.1", shared.port)) as plain:
            tls(shared, plain).close()
        held[0].close()
        time.sleep(0.3)
        tls(shared, stack.enter_context(tcp(shared))).close()

    assert "event=turned-away listener=est address=127.0.0.1 too-many=connections-from-there" in shared.log


def test_a_header_block_has_an_end(shared: House) -> None:
    line = b"X-Long: " + b"a" * 8_200 + b"\r\n"
    with tcp(shared) as plain, tls(shared, plain) as connection:
        answer, _ = dripped(connection, HEAD + line, b"")
    with tcp(shared) as plain, tls(shared, plain) as connection:
        many, _ = dripped(connection, HEAD + b"X-Many: a\r\n" * 65 + b"\r\n", b"")

    assert answer.split()[1] == many.split()[1] == b"400"


REQUESTS = [
    ("GET /.well-known/est/cacerts", 200),
    ("HEAD /.well-known/est/cacerts", 200),
    ("GET /.well-known/est/csrattrs", 204),
    ("POST /.well-known/est/cacerts", 405),
    ("GET /.well-known/est/simpleenroll", 405),
    ("POST /.well-known/est/simpleenroll", 415),
    ("POST /.well-known/est/no-such-label/simpleenroll", 404),
    ("GET /.well-known/est/nothing", 404),
    ("GET /", 404),
    ("POST /.well-known/est/simplereenroll", 415),
]


def whole(house: House, octets: bytes) -> bytes:
    """What one record of TLS brings in answer."""
    with tcp(house) as plain, tls(house, plain) as connection:
        connection.sendall(octets)
        return connection.recv(65_536)


def test_every_answer_is_small_whole_and_never_chunked(shared: House) -> None:
    sheet = shared.register("--kind", "device", "--subject", "CN=whole,C=TW", "--uses", "unlimited")
    head, body = enroll_head(sheet), request("whole", [])
    wrong = enroll_head({**sheet, "enrollment_code": "wrong"})
    posts = [
        (head, body, 200),
        (head, b"AAAA", 400),
        (wrong, body, 401),
        (enroll_head(sheet, "signing/simpleenroll"), body, 403),
        (enroll_head(sheet, "simplereenroll"), body, 403),
        (head, b"A" * 65_537, 413),
    ]
    asked = [(f"{line} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), status) for line, status in REQUESTS]
    asked += [(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body, status) for head, body, status in posts]

    for octets, status in asked:
        answer = whole(shared, octets)

        block, _, body = answer.partition(b"\r\n\r\n")
        lines = block.split(b"\r\n")
        assert int(lines[0].split()[1]) == status, (octets[:80], answer)
        assert len(block) + 4 < 1024
        assert len(lines) - 1 <= 15
        fields = [line.partition(b": ") for line in lines[1:]]
        assert {name.lower() for name, _, _ in fields} & {b"transfer-encoding"} == set()
        lengths = [int(value) for name, _, value in fields if name.lower() == b"content-length"]
        # 204 must not have a length (RFC 9110, 8.6); a HEAD request gets that of the body which it does not get.
        assert lengths == ([] if status == 204 else [len(body)]) or octets.startswith(b"HEAD ")

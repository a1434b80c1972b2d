"""HTTP that is not what it seems: each listener answers in its own form, and the next request is not harmed."""

from __future__ import annotations

import gzip
import socket
import ssl
from collections.abc import Iterator

import pytest

from conformance.house import House

PKCS10 = "Content-Type: application/pkcs10"
JOSE = "Content-Type: application/jose+json"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("http"))
    built.start()
    yield built
    built.close()


def sent(house: House, port: int, *parts: bytes) -> bytes:
    """Send parts one by one on one connection; return all that comes back until the server ends or is silent."""
    context = ssl.create_default_context(cafile=str(house.trust))
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        answer = b""
        for part in parts:
            tls.sendall(part)
            answer += _received(tls)
        return answer


def _received(tls: ssl.SSLSocket) -> bytes:
    tls.settimeout(1)
    answer = b""
    try:
        while chunk := tls.recv(65_536):
            answer += chunk
    except TimeoutError:
        pass
    return answer


def head(method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(shared: House) -> None:
    body = b"AAAA"
    start = head(
        "POST", "/.well-known/est/simpleenroll", PKCS10, "Expect: 100-continue", f"Content-Length: {len(body)}"
    )

    answer = sent(shared, shared.port + 1, start, body)

    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401 ")


@pytest.mark.parametrize("body", [b"abcde", gzip.compress(bytes(10_000_000))], ids=["no gzip", "bomb"])
def test_a_compressed_body_is_an_unsupported_media_type(shared: House, body: bytes) -> None:
    coded = ("Content-Encoding: gzip", f"Content-Length: {len(body)}")

    est = sent(shared, shared.port + 1, head("POST", "/.well-known/est/simpleenroll", PKCS10, *coded) + body)
    acme = sent(shared, shared.port, head("POST", "/acme/new-account", JOSE, *coded) + body)

    assert est.startswith((b"HTTP/1.1 401 ", b"HTTP/1.1 415 "))
    assert acme.startswith(b"HTTP/1.1 415 ")
    assert b"Replay-Nonce: " in acme


def test_a_body_that_is_framed_wrongly_ends_its_connection(shared: House) -> None:
    start = head("POST", "/acme/new-account", JOSE, "Transfer-Encoding: chunked")

    answer = sent(shared, shared.port, start + b"zz\r\nabc\r\n" + head("GET", "/acme/directory"))

    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert answer.count(b"HTTP/1.") == 1


def test_est_answers_are_small_whole_and_never_chunked(shared: House) -> None:
    answer = sent(shared, shared.port + 1, head("GET", "/.well-known/est/cacerts"))

    block, _, body = answer.partition(b"\r\n\r\n")
    assert len(block) < 1024
    assert len(block.splitlines()) <= 16
    assert b"\r\nTransfer-Encoding" not in block
    assert f"Content-Length: {len(body)}".encode() in block
    assert b"Content-Type: application/pkcs7-mime; smime-type=certs-only\r\n" in block
    assert b"\n" not in body[:-1]  # neither User-Agent nor Accept: strongSwan


def test_what_is_no_http_costs_the_log_one_line(shared: House) -> None:
    before = len(shared.log.splitlines())

    sent(shared, shared.port, b"nonsense\r\n\r\n")

    assert len(shared.log.splitlines()) - before <= 1


@pytest.mark.parametrize(
    ("path", "kind"), [("/api/v1/registrations", b"application/problem+json"), ("/", b"text/html")]
)
def test_the_desk_says_in_the_form_of_its_path_that_a_body_is_framed_wrongly(
    shared: House, path: str, kind: bytes
) -> None:
    start = head("POST", path, "Transfer-Encoding: chunked")

    answer = sent(shared, shared.port + 2, start, b"zz\r\nabc\r\n")

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Content-Type: " + kind in answer
    assert b"not framed as its headers say" in answer

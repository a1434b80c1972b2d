"""A web server on a loopback port that shows what it is told to: the right answer, or what no server should."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from conformance.acme import Client, jwk_of

Play = Callable[[str, BinaryIO], None]
"""What one name answers: called with the path that was asked for and the stream to write to."""

_SETTLE_SECONDS = 45
_POLL_SECONDS = 0.05


def thumbprint(client: Client) -> str:
    """RFC 7638, of the client's account key."""
    text = json.dumps(jwk_of(client.key), sort_keys=True, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()


def page(body: bytes, *, status: str = "200 OK", headers: str = "") -> bytes:
    """A whole answer of HTTP."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def proof(client: Client, *, after: bytes = b"") -> Play:
    """Show for every token what this client's account has to show."""

    def play(path: str, out: BinaryIO) -> None:
        out.write(page(f"{path.rpartition('/')[2]}.{thumbprint(client)}".encode() + after))

    return play


def saying(answer: bytes) -> Play:
    """Always the same octets."""

    def play(_: str, out: BinaryIO) -> None:
        out.write(answer)

    return play


class Responder:
    """Answers by the name in `Host`; a name that nobody plays is not found."""

    def __init__(self, port: int) -> None:
        self.asked: Counter[str] = Counter()
        self._plays: dict[str, Play] = {}
        responder = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    responder._answer(cast("BinaryIO", self.rfile), cast("BinaryIO", self.wfile))

        socketserver.ThreadingTCPServer.allow_reuse_address = True
        socketserver.ThreadingTCPServer.daemon_threads = True
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def play(self, name: str, play: Play) -> None:
        """From now on, this name answers so."""
        self._plays[name] = play

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, lines: BinaryIO, out: BinaryIO) -> None:
        path = lines.readline().split(b" ")[1].decode("latin-1")
        host = ""
        while line := lines.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            host = value.strip() if name.lower() == "host" else host
        name = host.rpartition(":")[0] or host
        self.asked[name] += 1
        self._plays.get(name, saying(page(b"", status="404 Not Found")))(path, out)


@contextmanager
def responder(port: int) -> Iterator[Responder]:
    """A responder for a while."""
    opened = Responder(port)
    try:
        yield opened
    finally:
        opened.close()


def challenges(client: Client, order: dict[str, Any], kind: str = "http-01") -> list[dict[str, Any]]:
    """The challenges of one kind of an order's authorizations."""
    found = [client.post(url).json["challenges"] for url in order["authorizations"]]
    return [one for offered in found for one in offered if one["type"] == kind]


def settled(client: Client, url: str) -> dict[str, Any]:
    """An object, as soon as it is neither pending nor processing."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while (shown := client.post(url).json)["status"] in {"pending", "processing"}:
        assert time.monotonic() < deadline, shown
        time.sleep(_POLL_SECONDS)
    return dict(shown)


def answered(client: Client, order: dict[str, Any]) -> list[dict[str, Any]]:
    """Answer an order's http-01 challenges, and see how they end."""
    offered = challenges(client, order)
    for challenge in offered:
        assert client.post(challenge["url"], {}).status == 200
    return [settled(client, challenge["url"]) for challenge in offered]

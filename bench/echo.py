"""A server that knows all answers beforehand, in the shapes of an ACME server's: what our client can do at most."""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from conformance.acme import b64

_NONCE = b64(bytes(32))
_ONCE = 65_536


class Peer(NamedTuple):
    """Who is connected: what arrived of the next request, and whether hands were shaken."""

    tls: ssl.SSLSocket
    unread: bytearray


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument(
        "--pem", type=Path, required=True, help="key and certificate; the chain that is handed out, too"
    )
    parsed = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(parsed.pem)
    answers = shapes(f"https://localhost:{parsed.port}", parsed.pem.read_text())
    with socket.create_server(("localhost", parsed.port), backlog=100) as listener:
        print("ready", flush=True)
        serve(listener, context, answers)


def shapes(base: str, pem: str) -> dict[str, bytes]:
    """An answer for each path; of the length that ours have, within a tenth."""
    certificate = pem[pem.index("-----BEGIN CERT") :]
    order = {
        "status": "valid",
        "expires": "2030-01-01T00:00:00Z",
        "identifiers": [{"type": "dns", "value": "host1000.zone10.bench.example"}],
        "authorizations": [f"{base}/acme/authorization/{'0' * 32}"],
        "finalize": f"{base}/finalize",
        "certificate": f"{base}/certificate",
    }
    directory = {"newNonce": f"{base}/nonce", "newAccount": f"{base}/account", "newOrder": f"{base}/order"}
    return {
        "/directory": _answer(200, directory),
        "/nonce": _answer(200, ""),
        "/account": _answer(201, {"status": "valid"}, f"{base}/account/1"),
        "/order": _answer(201, order | {"status": "ready"}, f"{base}/orders/{'0' * 32}"),
        "/finalize": _answer(200, order, f"{base}/orders/{'0' * 32}"),
        f"/orders/{'0' * 32}": _answer(200, order),
        "/certificate": _answer(200, certificate * 3),
    }


def serve(listener: socket.socket, context: ssl.SSLContext, answers: dict[str, bytes]) -> None:
    """Answer whoever comes."""
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.data is None:
                    plain, _ = listener.accept()
                    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    tls = context.wrap_socket(plain, server_side=True)
                    tls.settimeout(0)
                    selector.register(tls, selectors.EVENT_READ, Peer(tls, bytearray()))
                elif not answered(key.data, answers):
                    selector.unregister(key.fileobj)
                    key.data.tls.close()


def answered(peer: Peer, answers: dict[str, bytes]) -> bool:
    """Answer what has arrived whole; False when nobody is there any more."""
    try:
        received = peer.tls.recv(_ONCE)
    except ssl.SSLWantReadError:
        return True
    except (ConnectionError, ssl.SSLError):
        return False
    peer.unread.extend(received)
    end = peer.unread.find(b"\r\n\r\n")
    if end >= 0:
        head = peer.unread[:end].decode("ascii")
        length = int(head.partition("Content-Length: ")[2].split("\r\n")[0] or 0)
        if len(peer.unread) >= end + 4 + length:
            del peer.unread[: end + 4 + length]
            peer.tls.send(answers[head.split(" ")[1]])
    return bool(received)


def _answer(status: int, body: Mapping[str, object] | str, location: str = "") -> bytes:
    """One answer, with the headers that an ACME server sends."""
    content = body if isinstance(body, str) else json.dumps(body)
    fields = [
        f"HTTP/1.1 {status} OK",
        *([f"Location: {location}"] if location else []),
        f"Replay-Nonce: {_NONCE}",
        'Link: <https://localhost/acme/directory>;rel="index"',
        "Cache-Control: no-store",
        "Content-Type: application/json; charset=utf-8",
        f"Content-Length: {len(content)}",
        "Date: Sat, 28 Nov 2026 08:00:00 GMT",
    ]
    return ("\r\n".join(fields) + "\r\n\r\n" + content).encode()


if __name__ == "__main__":
    main()

"""Who is told what happens: a mail server, and a partner's system over HTTPS, each on a loopback port."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from conformance.house import must


class Mailbox:
    """Keeps every message that comes; the first ones are put off, as many as it is told.

    Attributes:
        offered: Message-IDs as they came, those that were put off too.
    """

    def __init__(self, *, put_off: int = 0) -> None:
        self._put_off = put_off
        self.offered: list[str] = []
        self.got: list[EmailMessage] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # its name
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=policy.default)
        self.offered.append(str(message["Message-ID"]))
        if len(self.offered) <= self._put_off:
            return "451 not now"
        self.got.append(message)
        return "250 taken"

    def about(self, word: str) -> list[EmailMessage]:
        """Those that have a word in their subject."""
        return [message for message in self.got if word in message["Subject"]]


@contextmanager
def mail_server(mailbox: Mailbox, port: int) -> Iterator[None]:
    """Take mail for the length of the block."""
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield
    finally:
        controller.stop()


class Shop:
    """A partner's system: it verifies what it is told, and keeps it.

    Attributes:
        certificate: what it proves itself with, and by which it is trusted.
        secret: as it was agreed.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self.certificate, self._key = folder / "shop.pem", folder / "shop.key"
        self._secret = bytes(range(32))
        self.secret = f"whsec_{base64.b64encode(self._secret).decode()}"
        self.told: list[dict[str, Any]] = []
        must(
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", "/CN=shop", "-addext", "subjectAltName=DNS:localhost", "-days", "3650"),
            *("-keyout", self._key, "-out", self.certificate),
        )

    def events(self) -> list[str]:
        return [one["type"] for one in self.told]

    @contextmanager
    def open(self) -> Iterator[None]:
        """Listen for the length of the block."""

        class Door(_Door):
            shop = self

        server = ThreadingHTTPServer(("127.0.0.1", self.port), Door)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self._key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def hear(self, headers: Any, body: bytes) -> int:
        """Keep it where the signature is right (Standard Webhooks)."""
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        mac = base64.b64encode(hmac.digest(self._secret, signed, hashlib.sha256)).decode()
        if headers["webhook-signature"] != f"v1,{mac}":
            return 401
        self.told.append(json.loads(body))
        return 204


class _Door(BaseHTTPRequestHandler):
    shop: ClassVar[Shop]

    def do_POST(self) -> None:  # the library's name
        status = self.shop.hear(self.headers, self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

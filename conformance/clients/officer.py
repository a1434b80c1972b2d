"""An officer at the desk: a browser's part of HTTP over TLS, with a certificate; forms are sent as pages say."""

from __future__ import annotations

import http.client
import json
import re
import ssl
from html import unescape
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from conformance.house import House, must

_TOKEN = re.compile(r'<input type="hidden" name="csrf" value="([^"]+)">')
_TAGS = re.compile(r"<[^>]*>")
_FORM = "application/x-www-form-urlencoded"


class Page(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    octets: bytes

    @property
    def html(self) -> str:
        return self.octets.decode()

    @property
    def text(self) -> str:
        """What a reader sees, in one line."""
        return " ".join(unescape(_TAGS.sub(" ", self.html)).split())

    @property
    def token(self) -> str:
        """Of the page's forms."""
        found = _TOKEN.search(self.html)
        assert found is not None, self.text
        return found[1]

    @property
    def place(self) -> str:
        """Where a browser is sent on to."""
        assert self.status == 303, (self.status, self.text)
        return self.headers["location"]


class Officer:
    """Somebody who was taken on, with a key and a certificate of their own."""

    def __init__(self, house: House, folder: Path, name: str, role: str = "officer", *options: str) -> None:
        self.name = name
        self._port = house.port + 2
        key, request, certificate = (folder / f"{name}.{what}" for what in ("key", "csr", "pem"))
        must("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        must("openssl", "req", "-new", "-key", key, "-subj", "/CN=anybody", "-out", request)
        made = house.command("officer", "add", name, "--role", role, "--csr", str(request), *options, "--json")
        certificate.write_text(json.loads(made)["certificate"])
        self._tls = ssl.create_default_context(cafile=house.trust)
        self._tls.load_cert_chain(certificate, key)

    def get(self, path: str, language: str = "en") -> Page:
        """Open a page."""
        return self._send("GET", path, None, {"Accept-Language": language})

    def post(self, path: str, page: Page | None, **fields: str) -> Page:
        """Send a form of a page; None sends one that comes from nowhere."""
        sent = {**fields, "csrf": page.token} if page else fields
        return self.send(path, sent)

    def send(self, path: str, fields: dict[str, str], language: str = "en", **headers: str) -> Page:
        """Send any form."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Content-Type": _FORM, "Accept-Language": language, **named}
        return self._send("POST", path, urlencode(fields).encode(), sent)

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Page:
        connection = http.client.HTTPSConnection("localhost", self._port, context=self._tls, timeout=30)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Page(answer.status, found, answer.read())
        finally:
            connection.close()

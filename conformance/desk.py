"""An officer's browser without JavaScript: it follows links, fills forms in and sends them, with a certificate."""

from __future__ import annotations

import http.client
import json
import ssl
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode, urljoin, urlsplit

from conformance.house import House, must

_TIMEOUT_SECONDS = 30


class Form:
    """One form of a page.

    Attributes:
        fields: those that have a value, in order; ticked boxes only.
    """

    def __init__(self, method: str, action: str) -> None:
        self.method = method
        self.action = action
        self.fields: list[tuple[str, str]] = []


class _Reader(HTMLParser):
    """Forms, links and identifiers of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.language = ""
        self._area: tuple[str, list[str]] | None = None
        self._select = ""
        self._is_in_form = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids += [found["id"]] if "id" in found else []
        match tag:
            case "html":
                self.language = found.get("lang", "")
            case "a":
                self.links.append(found.get("href", ""))
            case "form":
                self._is_in_form = True
                self.forms.append(Form(found.get("method", "get"), found.get("action", "")))
            case "input" if self._is_in_form and "name" in found:
                if found.get("type") not in {"checkbox", "radio"} or "checked" in found:
                    self.forms[-1].fields.append((found["name"], found.get("value", "")))
            case "textarea":
                self._area = (found["name"], [])
            case "select":
                self._select = found["name"]
            case "option" if "selected" in found:
                self.forms[-1].fields.append((self._select, found["value"]))
            case _:
                pass

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._area[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area is not None:
            name, parts = self._area
            self.forms[-1].fields.append((name, "".join(parts).removeprefix("\n")))
            self._area = None
        self._is_in_form = self._is_in_form and tag != "form"


class Page:
    """What the desk answered."""

    def __init__(self, url: str, response: http.client.HTTPResponse) -> None:
        self.url = url
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()
        self._reader = _Reader()
        if self.headers.get("content-type", "").startswith("text/html"):
            self._reader.feed(self.text)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def forms(self) -> list[Form]:
        return self._reader.forms

    @property
    def links(self) -> list[str]:
        return self._reader.links

    @property
    def ids(self) -> list[str]:
        return self._reader.ids

    @property
    def language(self) -> str:
        return self._reader.language


class Officer:
    """Somebody who works at the desk of a house, and their browser."""

    def __init__(self, house: House, folder: Path, name: str, role: str, *options: str, language: str = "en") -> None:
        self.name = name
        self._port = house.port + 2
        self._language = language
        key, request, certificate = (folder / f"{name}.{what}" for what in ("key", "csr", "pem"))
        must("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        must("openssl", "req", "-new", "-key", key, "-subj", "/CN=anybody", "-out", request)
        made = house.command("officer", "add", name, "--role", role, "--csr", str(request), *options, "--json")
        certificate.write_text(json.loads(made)["certificate"])
        self._tls = ssl.create_default_context(cafile=str(house.trust))
        self._tls.load_cert_chain(certificate, key)

    def send(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None, *, follow: bool = True
    ) -> Page:
        """Send a request; redirections are followed as a browser does."""
        connection = http.client.HTTPSConnection("localhost", self._port, context=self._tls, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request(method, path, body or None, {"Accept-Language": self._language, **(headers or {})})
            page = Page(path, connection.getresponse())
        finally:
            connection.close()
        if page.status == http.HTTPStatus.SEE_OTHER and follow:
            return self.get(urljoin(path, page.headers["location"]))
        return page

    def get(self, path: str, **headers: str) -> Page:
        """Follow a link."""
        return self.send("GET", path, headers=headers)

    def post(self, path: str, fields: list[tuple[str, str]], **headers: str) -> Page:
        """Send fields as a form."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.send("POST", path, urlencode(fields).encode(), {**kind, **headers})

    def fill(self, page: Page, values: dict[str, str], *, form: int = 0) -> Page:
        """Fill in a form of a page, leave the rest as it is, and send it; several values are on lines of their own."""
        found = page.forms[form]
        assert found.method == "post"
        left = [(name, value) for name, value in found.fields if name not in values]
        path = urlsplit(urljoin(page.url, found.action or page.url)).path
        return self.post(path, [*left, *values.items()])

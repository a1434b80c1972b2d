"""A subscriber's browser without JavaScript: it keeps cookies, follows redirections, fills forms in and sends them."""

from __future__ import annotations

import http.client
import ssl
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from conformance.desk import Page
from conformance.house import House
from conformance.servers import Servers

PASSWORD = "seven quiet geese at dawn"
_TIMEOUT_SECONDS = 30


class Subscriber:
    """Somebody with a sheet, before the portal of a house that asks for no proof of work.

    Args:
        sheet: with its initial password.
    """

    def __init__(self, house: House | Servers, sheet: dict[str, Any], *, language: str = "en") -> None:
        self.sheet = sheet
        self._port = house.port
        self._language = language
        self._tls = ssl.create_default_context(cafile=str(house.trust))
        self._cookies: dict[str, str] = {}

    def enter(self) -> Page:
        """Sign in for the first time, and choose a password."""
        account, initial = self.sheet["account"], self.sheet["initial_password"]
        page = self.fill(self.get("/sign-in"), "/sign-in", account=account, password=initial)
        return self.fill(page, "/password", old=initial, new=PASSWORD, again=PASSWORD)

    def get(self, path: str) -> Page:
        """Follow a link."""
        return self._send("GET", path)

    def fill(self, page: Page, action: str, **values: str) -> Page:
        """Fill in the form of a page that leads somewhere, leave the rest as it is, and send it."""
        form = next(form for form in page.forms if urlsplit(urljoin(page.url, form.action or page.url)).path == action)
        left = [(name, value) for name, value in form.fields if name not in values]
        body = urlencode([*left, *values.items()]).encode()
        return self._send("POST", action, body, {"Content-Type": "application/x-www-form-urlencoded"})

    def _send(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Page:
        kept = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        sent = {"Accept-Language": self._language, "Cookie": kept, **(headers or {})}
        connection = http.client.HTTPSConnection("localhost", self._port, context=self._tls, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            for given in response.headers.get_all("Set-Cookie") or ():
                name, _, value = given.partition(";")[0].partition("=")
                self._cookies[name] = value
            page = Page(path, response)
        finally:
            connection.close()
        if page.status == http.HTTPStatus.SEE_OTHER:
            return self.get(urljoin(path, page.headers["location"]))
        return page

"""A subscriber's page about devices and programs, as a browser without scripts has it."""

from __future__ import annotations

import html
import re
from http.client import HTTPSConnection
from ssl import create_default_context
from typing import Any
from urllib.parse import urlencode

from conformance.house import House

CHOSEN = "lobster paints nine moons"
_PROMPTED = re.compile(r'<code class="secret break">([^<]+)</code>')


class Page:
    """What a browser shows of the portal, without scripts: it keeps cookies and sends forms."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._tls = create_default_context(cafile=str(house.trust))
        self._cookie = ""
        self.text = ""

    def get(self, path: str) -> int:
        return self._asked("GET", path)

    def post(self, path: str, **fields: str) -> int:
        found = re.search(r'name="csrf" value="([^"]*)"', self.text)
        token = {"csrf": html.unescape(found[1])} if found else {}
        return self._asked("POST", path, urlencode({**token, **fields}))

    @property
    def secrets(self) -> list[str]:
        return [html.unescape(one) for one in _PROMPTED.findall(self.text)]

    def lines(self, program: str) -> str:
        """What is to be pasted for a program."""
        found = re.search(rf'aria-label="{re.escape(program)}"><code>(.*?)</code>', self.text, re.DOTALL)
        assert found is not None, self.text
        return html.unescape(found[1])

    def _asked(self, method: str, path: str, body: str | None = None) -> int:
        headers = {"Accept-Language": "en", "Sec-Fetch-Site": "same-origin", "Cookie": self._cookie}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = HTTPSConnection("localhost", self._house.port, context=self._tls, timeout=60)
        try:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            self.text = reply.read().decode()
        finally:
            connection.close()
        for cookie in reply.headers.get_all("Set-Cookie", []):
            self._cookie = cookie.partition(";")[0]
        if reply.status == 303:
            return self.get(reply.headers["Location"])
        return reply.status


def signed_in(house: House, *registered: str) -> Page:
    """Of a partner who is new, is signed in and has chosen a password.

    Args:
        registered: what else there is to say of the partner, as for `register`.
    """
    given = ("--kind", "partner", "--account", "panel", "--subject", "CN=panel,C=TW")
    sheet: dict[str, Any] = house.register(*given, *registered)
    page, first = Page(house), sheet["initial_password"]
    page.get("/sign-in")
    assert page.post("/sign-in", account="panel", password=first) == 200
    assert page.post("/password", old=first, new=CHOSEN, again=CHOSEN) == 200, page.text
    return page

"""Whoever attacks the portal: browsers that send what no browser sends, and subscribers who have something to lose."""

from __future__ import annotations

import html
import http.client
import re
import ssl
from collections.abc import Mapping
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from conformance.acme import Client
from conformance.house import House

PASSWORD = "seven quiet geese at dawn"
COOKIE = "__Host-soapstone"
SAME_ORIGIN: Mapping[str, str] = {"Sec-Fetch-Site": "same-origin"}
ROUTES = (
    ("GET", "/", None),
    ("GET", "/sign-in", None),
    ("POST", "/sign-in", None),
    ("POST", "/sign-out", "change-password"),
    ("GET", "/gate/{name}.png", None),
    ("GET", "/gate/{name}.wav", None),
    ("GET", "/apply", "signed-in"),
    ("POST", "/apply", "signed-in"),
    ("GET", "/apply/requests", "signed-in"),
    ("GET", "/apply/lost/{serial}", "signed-in"),
    ("POST", "/apply/lost/{serial}", "signed-in"),
    ("GET", "/renew", "signed-in"),
    ("POST", "/renew", "signed-in"),
    ("GET", "/download", "signed-in"),
    ("GET", "/certificates/{serial}/file/{form}", "signed-in"),
    ("GET", "/revoke", "signed-in"),
    ("GET", "/certificates/{serial}/revoke", "signed-in"),
    ("POST", "/certificates/{serial}/revoke", "signed-in"),
    ("GET", "/certificates/{serial}/prove", "signed-in"),
    ("POST", "/certificates/{serial}/prove", "signed-in"),
    ("GET", "/certificates", "signed-in"),
    ("GET", "/certificates/{serial}", "signed-in"),
    ("GET", "/password", "change-password"),
    ("POST", "/password", "change-password"),
    ("GET", "/passkeys", "signed-in"),
    ("POST", "/passkeys", "signed-in"),
    ("POST", "/passkeys/new", "signed-in"),
    ("GET", "/passkeys/{name}/remove", "signed-in"),
    ("POST", "/passkeys/{name}/remove", "signed-in"),
    ("POST", "/sign-in/passkey", None),
    ("GET", "/devices", "signed-in"),
    ("GET", "/devices/trust.pem", "signed-in"),
    ("GET", "/devices/new/{what}", "signed-in"),
    ("POST", "/devices/new/{what}", "signed-in"),
    ("GET", "/devices/{id}/rotate", "signed-in"),
    ("POST", "/devices/{id}/rotate", "signed-in"),
    ("GET", "/devices/{id}/revoke", "signed-in"),
    ("POST", "/devices/{id}/revoke", "signed-in"),
    ("GET", "/devices/accounts/{id}/deactivate", "signed-in"),
    ("POST", "/devices/accounts/{id}/deactivate", "signed-in"),
    ("GET", "/history", "signed-in"),
)
"""Method, path, and how far in somebody must be. A test of the portal itself sees that this is all that there is."""
POSTS = tuple(path for method, path, step in ROUTES if method == "POST" and step)
"""Every form of somebody who is signed in."""
PAGES = tuple(path for method, path, step in ROUTES if method == "GET" and step)
PROFILES = ("signing", "encryption", "tls-server", "device")
_TIMEOUT_SECONDS = 60
_FORM = "application/x-www-form-urlencoded"
_numbers = count(1)


class Answer(NamedTuple):
    """What came back; nothing is followed."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def cookies(self) -> dict[str, str]:
        """Those that it sets, with all their attributes."""
        pairs = (one.partition("=") for one in self.headers.get_all("Set-Cookie", []))
        return {name: rest for name, _, rest in pairs}

    def field(self, name: str) -> str:
        """What a hidden field holds; empty where there is none."""
        found = re.search(f'name="{name}" value="([^"]*)"', self.text)
        return html.unescape(found[1]) if found else ""


class Browser:
    """Sends what it is told to, and keeps cookies; it follows nothing.

    Args:
        source: the loopback address that it comes from; others have other limits.
    """

    def __init__(self, house: House, *, source: str = "127.0.0.1") -> None:
        self.house = house
        self.cookies: dict[str, str] = {}
        self._source = source
        self._tls = ssl.create_default_context(cafile=str(house.trust))

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own."""
        kept = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"Accept-Language": "en", "Accept": "text/html", **({"Cookie": kept} if kept else {}), **(headers or {})}
        connection = http.client.HTTPSConnection(
            "localhost", self.house.port, context=self._tls, timeout=_TIMEOUT_SECONDS, source_address=(self._source, 0)
        )
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        finally:
            connection.close()
        for name, rest in answer.cookies.items():
            value = rest.partition(";")[0]
            self.cookies[name] = value
            if not value:
                del self.cookies[name]
        return answer

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, headers=headers)

    def post(
        self, path: str, fields: Mapping[str, str] | list[tuple[str, str]], headers: Mapping[str, str] = SAME_ORIGIN
    ) -> Answer:
        """Send exactly these fields as a form."""
        return self.send("POST", path, urlencode(fields).encode(), {"Content-Type": _FORM, **headers})

    def sign_in(self, account: str, password: str) -> Answer:
        """By the form, where the house asks for no proof of work."""
        return self.post("/sign-in", {"account": account, "password": password})


class Subscriber(Browser):
    """Somebody with a sheet who has chosen a password.

    Attributes:
        csrf: the token of the forms of their session.
        key: of the certificate that `certify` has them issued.
    """

    def __init__(self, house: House, *options: str, source: str = "127.0.0.1", subject: str = "CN=王小明,C=TW") -> None:
        super().__init__(house, source=source)
        number = next(_numbers)
        self.zone = f"p{number}.example"
        registered = ("--kind", "partner", "--account", f"partner-{number}", "--subject", subject)
        granted = ("--zone", self.zone, "--dns", f"www.{self.zone}")
        profiles = [part for name in PROFILES for part in ("--profile", name)]
        self.sheet: dict[str, Any] = house.register(*registered, *granted, *profiles, "--uses", "unlimited", *options)
        self.account = str(self.sheet["account"])
        self.key = ec.generate_private_key(ec.SECP256R1())

    def enter(self) -> Answer:
        """Sign in for the first time, and choose the password."""
        initial = self.sheet["initial_password"]
        assert self.sign_in(self.account, initial).headers["Location"] == "/password"
        fields = {"csrf": self.csrf, "old": initial, "new": PASSWORD, "again": PASSWORD}
        changed = self.post("/password", fields)
        assert changed.status == 303, changed.text
        return changed

    def again(self, source: str = "127.0.0.1") -> Browser:
        """Another browser of theirs, signed in."""
        other = Browser(self.house, source=source)
        assert other.sign_in(self.account, PASSWORD).status == 303
        return other

    @property
    def csrf(self) -> str:
        return self.get("/password").field("csrf")

    def certify(self, *profiles: str) -> dict[str, str]:
        """Have certificates issued; returns their serials by profile. The first one is for `key`."""
        keys = [self.key, *(ec.generate_private_key(ec.SECP256R1()) for _ in profiles[1:])]
        fields = [("csrf", self.csrf), *(("profile", profile) for profile in profiles)]
        fields += [(f"csr.{profile}", csr(key)) for profile, key in zip(profiles, keys, strict=True)]
        answer = self.post("/apply", fields)
        assert answer.status == 200, answer.text
        return self.held()

    def held(self) -> dict[str, str]:
        """The serials of what they hold that is not revoked, by profile."""
        return dict(
            self.rows(
                "SELECT profile, serial FROM certificates WHERE registration_id = :them"
                " AND serial NOT IN (SELECT serial FROM revocations)"
            )
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What the store answers to a statement in which `:them` is this subscriber."""
        them = "(SELECT id FROM registrations WHERE account = ':account')".replace(":account", self.account)
        return self.house.behind_its_back(sql.replace(":them", them))

    def device(self, what: str = "key") -> str:
        """Make a key or code of their own; returns its identity."""
        before = self._devices()
        made = self.post(f"/devices/new/{what}", {"csrf": self.csrf, "note": "web server"})
        assert made.status == 200, made.text
        (new,) = self._devices() - before
        return new

    def _devices(self) -> set[str]:
        return set(re.findall(r'href="/devices/([0-9a-f]+)/revoke"', self.get("/devices").text))

    def acme_account(self) -> str:
        """Have a client bind an account by the key of the sheet; returns its identity."""
        client = Client(self.house)
        assert client.new_account(self.sheet["eab"]).status == 201
        return str(client.account).rpartition("/")[2]

    @property
    def state(self) -> list[list[tuple[Any, ...]]]:
        """All that a store knows of them: that nothing has changed is seen by comparing."""
        asked = (
            "SELECT status, expires_at FROM registrations WHERE id = :them",
            "SELECT id, uses_left, revoked_at, voided_at FROM credentials WHERE registration_id = :them ORDER BY id",
            "SELECT serial, state FROM certificates WHERE registration_id = :them ORDER BY serial",
            "SELECT event, serial FROM journal WHERE serial IS NOT NULL AND registration_id = :them ORDER BY id",
            "SELECT label FROM passkeys WHERE registration_id = :them ORDER BY label",
            "SELECT count(*) FROM sessions WHERE registration_id = :them",
            "SELECT id, event FROM journal WHERE registration_id = :them ORDER BY id",
        )
        return [self.rows(one) for one in asked]


def csr(key: Any, *names: str) -> str:
    """A certification request in PEM, for DNS names."""
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if names:
        request = request.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
    return request.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def placed(path: str, **parts: str) -> str:
    """A path of `ROUTES` with its names filled in."""
    nobody = {"serial": "0" * 39 + "1", "id": "0" * 26, "name": "nobody", "what": "key", "form": "pem"}
    return path.format(**{**nobody, **parts})

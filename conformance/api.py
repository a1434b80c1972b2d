"""Programs at the RA's API: officers with certificates and integrators with tokens, over real TLS."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from conformance.house import House, must

ROOT = "/api/v1"


class Answer(NamedTuple):
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def word(self) -> str:
        """The last part of a problem's type."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.json["status"] == self.status
        return str(self.json["type"]).rpartition(":")[2]

    def must(self, status: int) -> Answer:
        """This answer, which has to be of a status."""
        assert self.status == status, (self.status, self.body)
        return self


class Held(NamedTuple):
    """An officer's certificate and key."""

    certificate: Path
    key: Path


class Caller:
    """One program, on one connection.

    Args:
        held: an officer's certificate and key.
        token: an integrator's.
    """

    def __init__(self, house: House, *, held: Held | None = None, token: str | None = None) -> None:
        self.house = house
        context = ssl.create_default_context(cafile=str(house.trust))
        if held:
            context.load_cert_chain(held.certificate, held.key)
        self._authorization = {"Authorization": f"Bearer {token}"} if token else {}
        self._connection = http.client.HTTPSConnection("localhost", house.port + 2, timeout=60, context=context)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Send one request below `/api/v1`; underscores in header names are hyphens.

        Args:
            body: octets, or what becomes JSON; None for none.
        """
        octets = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        typed = {"Content-Type": "application/json"} if octets is not None else {}
        url = path if path.startswith("/api/") else f"{ROOT}{path}"
        self._connection.request(method, url, octets, {**typed, **self._authorization, **named})
        answer = self._connection.getresponse()
        body_octets = answer.read()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body_octets)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        """GET."""
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: object = None, **headers: str) -> Answer:
        """POST."""
        return self.ask("POST", path, body, **headers)

    def patch(self, path: str, body: object, **headers: str) -> Answer:
        """PATCH."""
        return self.ask("PATCH", path, body, **headers)

    def all_of(self, path: str) -> list[dict[str, Any]]:
        """All lines of a list, page by page."""
        found: list[dict[str, Any]] = []
        place: str | None = path
        while place:
            page = self.get(place).must(200).json
            found += page["items"]
            place = page["next"]
        return found


class Desk:
    """Who works at a house, and their programs."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house = house
        self._folder = folder
        self._callers: list[Caller] = []

    def close(self) -> None:
        """End every connection."""
        for caller in self._callers:
            caller.close()

    def caller(self, *, held: Held | None = None, token: str | None = None) -> Caller:
        """Start a program."""
        started = Caller(self.house, held=held, token=token)
        self._callers.append(started)
        return started

    def officer(self, name: str, role: str = "officer", realm: str = "main") -> Caller:
        """Take an officer on, and start a program with their certificate."""
        return self.caller(held=self.certificate(name, role, realm))

    def certificate(self, name: str, role: str = "officer", realm: str = "main") -> Held:
        """Take an officer on with a key of their own."""
        key, request, certificate = (self._folder / f"{name}.{what}" for what in ("key", "csr", "pem"))
        must("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        must("openssl", "req", "-new", "-key", key, "-subj", "/CN=anybody", "-out", request)
        made = self.house.command(
            "officer", "add", name, "--role", role, "--realm", realm, "--csr", str(request), "--json"
        )
        certificate.write_text(json.loads(made)["certificate"])
        return Held(certificate, key)

    def integrator(self, name: str, *scope: str, realm: str = "main") -> Caller:
        """Take an integrator on, and start a program with a token."""
        self.house.command("officer", "add", name, "--role", "integrator", "--realm", realm)
        return self.caller(token=self.token(name, *scope))

    def token(self, name: str, *scope: str) -> str:
        """Give an integrator a token."""
        scopes = [part for one in scope for part in ("--scope", one)]
        made: str = json.loads(self.house.command("token", "add", name, *scopes, "--days", "7", "--json"))["token"]
        return made

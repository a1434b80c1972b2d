"""One switch (DESIGN, invariant 5): what a registration's status lets each credential do, at each door.

A matrix of (what is shown x what is asked for x the status of the registration), made once and looked at cell by cell.
Each cell is asked for several times on new connections: where several processes serve, each of them answers. Sessions
open nothing by themselves: the desk asks for the certificate beside them. What ends them is tested in
tests/contract/test_passwords.py, on every store.
"""

from __future__ import annotations

import base64
import itertools
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http.client import HTTPSConnection
from pathlib import Path
from ssl import create_default_context
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from conformance import stores
from conformance.acme import Client, b64, csr, new_key
from conformance.clients.device import Device
from conformance.cmc import SUCCESS, Ask, message, read
from conformance.house import House, must
from conformance.maker import Maker

ASKED = 4
"""How often each thing is asked for: of two processes, each is met then, as a rule."""
_WORKERS = 2
_SETTINGS = (
    # So short-lived that it may be renewed at once.
    "profiles.device.validity_days=20",
    'est.labels.device.trust_anchors="makers.pem"',
)
_CMC = {"Content-Type": "application/pkcs7-mime; smime-type=CMC-request", "Content-Transfer-Encoding": "base64"}
_MAKER = Maker("Switch")
_ACCOUNTS = ("partner", "meter", "officer.olga", "officer.panel")

Act = Callable[[], int]


class State(NamedTuple):
    """What is done to the registrations, and whether they may do anything then."""

    name: str
    is_open: bool


STATES = (
    State("active", is_open=True),
    State("suspended", is_open=False),
    State("resumed", is_open=True),
    State("expired", is_open=False),
    State("renewed", is_open=True),
    State("closed", is_open=False),
)

OPERATIONS = (
    ("enrollment code", "EST simpleenroll"),
    ("enrollment code", "EST csrattrs"),
    ("further enrollment code", "EST simpleenroll"),
    ("certificate", "EST simplereenroll"),
    ("certificate", "EST simpleenroll"),
    ("maker's certificate", "EST simpleenroll"),
    ("CMC proof of the code", "EST fullcmc"),
    ("CMC signature by certificate", "EST fullcmc"),
    ("EAB key", "ACME newAccount"),
    ("ACME account", "ACME newOrder"),
    ("ACME account", "ACME finalize"),
    ("ACME account", "ACME newAuthz"),
    ("officer's certificate", "desk page"),
    ("officer's certificate", "desk API"),
    ("API token", "desk API"),
)


class Holders:
    """Who holds the credentials, and what they do with them; each act says the HTTP status."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house = house
        self._folder = folder
        self._tls = create_default_context(cafile=str(house.trust))
        self._numbers = itertools.count()
        self._partner()
        self._meter()
        self._staff()

    def acts(self) -> Mapping[tuple[str, str], Act]:
        """By what is shown and what is asked for."""
        me = ("/api/v1/me",)
        return {
            ("enrollment code", "EST simpleenroll"): partial(self._enroll, *self._by_code),
            ("enrollment code", "EST csrattrs"): self._attributes,
            ("further enrollment code", "EST simpleenroll"): partial(self._enroll, *self._by_further_code),
            ("certificate", "EST simplereenroll"): partial(self._renew, "simplereenroll"),
            ("certificate", "EST simpleenroll"): partial(self._renew, "simpleenroll"),
            ("maker's certificate", "EST simpleenroll"): partial(self._enroll, *self._made),
            ("CMC proof of the code", "EST fullcmc"): self._prove,
            ("CMC signature by certificate", "EST fullcmc"): self._sign,
            ("EAB key", "ACME newAccount"): lambda: Client(self.house).new_account(self._eab).status,
            ("ACME account", "ACME newOrder"): lambda: self._acme.new_order(self._name()).status,
            ("ACME account", "ACME finalize"): self._finalize,
            ("ACME account", "ACME newAuthz"): self._authorize,
            ("officer's certificate", "desk page"): partial(self._desk, "/", *self._olga),
            ("officer's certificate", "desk API"): partial(self._desk, *me, *self._olga),
            ("API token", "desk API"): partial(self._desk, *me, *self._panel),
        }

    def switch(self, state: State) -> None:
        """Do to all of them what makes the state."""
        for account in _ACCOUNTS:
            match state.name:
                case "suspended":
                    self.house.command("suspend", account)
                case "resumed":
                    self.house.command("resume", account)
                case "expired" | "renewed":
                    # Without moving the clock: every certificate would expire with the registrations.
                    ends_at = 1 if state.name == "expired" else 1 << 40
                    self.house.behind_its_back(
                        f"UPDATE registrations SET expires_at = {ends_at} WHERE account = '{account}'"  # noqa: S608
                    )
                case "closed":
                    self.house.command("close", account)

    def _partner(self) -> None:
        given = ("--kind", "partner", "--account", "partner", "--subject", "CN=partner", "--zone", "partner.example")
        self._eab = self.house.register(*given)["eab"]
        self._acme = Client(self.house)
        assert self._acme.new_account(self._eab).status == 201
        wanted = [self._name() for _ in range(ASKED * len(STATES))]
        self._orders = [(name, self._acme.new_order(name).json["finalize"]) for name in wanted]

    def _meter(self) -> None:
        given = ("--kind", "device", "--account", "meter", "--subject", "CN=meter,C=TW", "--uses", "unlimited")
        self._sheet = self.house.register(*given, "--device-id", "SW-1")
        self._by_code = ("-u", f"meter:{self._sheet['enrollment_code']}")
        further = self.house.command("code", "add", "meter", "--uses", "unlimited", "--json")
        self._by_further_code = ("-u", f"meter:{json.loads(further)['enrollment_code']}")
        self._made = _MAKER.device(self._folder / "made", "SW-1")
        self._device = Device(self.house, self._folder / "meter", subject="/C=TW/CN=meter")
        assert self._device.enroll(self._sheet) == 200
        held, key = self._device.keep()
        self._held = ("--cert", held, "--key", key)
        self._fresh = Device(self.house, self._folder / "fresh", subject="/C=TW/CN=meter")
        self._cmc_key = ec.generate_private_key(ec.SECP256R1())
        answer = self._full_cmc(self._proof(self._cmc_key))
        (self._cmc_certificate,) = [
            one for one in read(answer[1]).certificates if one.public_key() == self._cmc_key.public_key()
        ]

    def _staff(self) -> None:
        key, request, certificate = (self._folder / f"olga.{what}" for what in ("key", "csr", "pem"))
        must("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        must("openssl", "req", "-new", "-key", key, "-subj", "/CN=olga", "-out", request)
        made = self.house.command("officer", "add", "olga", "--role", "officer", "--csr", str(request), "--json")
        certificate.write_text(json.loads(made)["certificate"])
        self._olga = ("--cert", certificate, "--key", key)
        self.house.command("officer", "add", "panel", "--role", "integrator")
        token = json.loads(self.house.command("token", "add", "panel", "--days", "7", "--json"))["token"]
        self._panel = ("-H", f"Authorization: Bearer {token}")

    def _name(self) -> str:
        return f"n{next(self._numbers)}.partner.example"

    def _enroll(self, *proof: str | Path) -> int:
        self._fresh.new_key()
        self._fresh.ask("/C=TW/CN=meter")
        return self._fresh.post("device/simpleenroll", *proof)

    def _renew(self, operation: str) -> int:
        return self._device.post(f"device/{operation}", *self._held)

    def _attributes(self) -> int:
        return int(self._fresh.curl(*self._by_code, f"{self.house.est}/device/csrattrs").stdout)

    def _finalize(self) -> int:
        name, url = self._orders.pop()
        return self._acme.post(url, {"csr": b64(csr(new_key(), name))}).status

    def _authorize(self) -> int:
        wanted = {"identifier": {"type": "dns", "value": self._name()}}
        return self._acme.post(self._acme.directory["newAuthz"], wanted).status

    def _desk(self, path: str, *proof: str | Path) -> int:
        return int(self._fresh.curl(*proof, f"https://localhost:{self.house.port + 2}{path}").stdout)

    def _prove(self) -> int:
        return self._full_cmc(self._proof(ec.generate_private_key(ec.SECP256R1())))[0]

    def _sign(self) -> int:
        request = _request(ec.generate_private_key(ec.SECP256R1()), self._cmc_certificate.subject)
        ask = Ask().certificate(request).transaction(next(self._numbers) + 1, secrets.token_bytes(16))
        return self._full_cmc(message(ask.der(), self._cmc_key, self._cmc_certificate))[0]

    def _proof(self, key: ec.EllipticCurvePrivateKey) -> bytes:
        ask = Ask().certificate(_request(key, x509.Name([]))).proof("meter", self._sheet["enrollment_code"])
        return message(ask.transaction(next(self._numbers) + 1, secrets.token_bytes(16)).der(), key)

    def _full_cmc(self, der: bytes) -> tuple[int, bytes]:
        """The status and the answer; an answer that says what failed is no success (RFC 7030, 4.3.2)."""
        connection = HTTPSConnection("localhost", self.house.port + 1, context=self._tls, timeout=60)
        try:
            connection.request("POST", "/.well-known/est/device/fullcmc", base64.encodebytes(der), _CMC)
            reply = connection.getresponse()
            body = reply.read()
        finally:
            connection.close()
        if reply.status != 200:
            return reply.status, b""
        answer = base64.b64decode(body)
        return (200 if read(answer).only.status == SUCCESS else 403), answer


def _request(key: ec.EllipticCurvePrivateKey, subject: x509.Name) -> bytes:
    return x509.CertificateSigningRequestBuilder(subject).sign(key, SHA256()).public_bytes(Encoding.DER)


Matrix = dict[tuple[tuple[str, str], str], list[int]]


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """Every status that was answered, by operation and state."""
    house = House(tmp_path_factory.mktemp("house"), *_SETTINGS)
    (house.home / "makers.pem").write_bytes(_MAKER.cas())
    if stores.WANTED == stores.POSTGRESQL:
        house.served_with = ("--workers", str(_WORKERS))
    try:
        house.start()
        holders = Holders(house, tmp_path_factory.mktemp("holders"))
        seen: Matrix = {}
        for state in STATES:
            holders.switch(state)
            # Within a second, on every door and by every process.
            time.sleep(1)
            for operation, act in holders.acts().items():
                seen[operation, state.name] = [act() for _ in range(ASKED)]
        yield seen
        assert "Traceback" not in house.log, house.log[-4000:]
    finally:
        house.close()


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation[0]}, {operation[1]}")
def test_one_switch_acts_on_every_door(matrix: Matrix, operation: tuple[str, str], state: State) -> None:
    answered = matrix[operation, state.name]

    assert len(answered) == ASKED
    if state.is_open:
        assert set(answered) <= {200, 201}
    else:
        # Known, and not let in: 401 would make a client ask for another password and try again.
        assert set(answered) == {403}


def test_the_matrix_has_every_act_and_no_other(matrix: Matrix) -> None:
    assert {operation for operation, _ in matrix} == set(OPERATIONS)
    assert len(matrix) == len(OPERATIONS) * len(STATES)

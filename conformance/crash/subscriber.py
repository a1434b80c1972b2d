"""Subscribers who remember what they were promised, and ask for the very same again after the lights came back."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7

from conformance.acme import Answer, Client, Json, b64, csr, new_key
from conformance.house import House

GONE = (OSError, http.client.HTTPException)
"""How a server that dies in the middle of an answer looks to its clients."""

PATIENCE_SECONDS = 15
"""How long anything may take that is not done at once: a worker's turn, a recovery."""
CRL_SECONDS = 60
"""What relying parties are promised."""
_TURN_SECONDS = 2.5

_POLL_SECONDS = 0.05


class Refused(Exception):
    """Not now, with Retry-After; nothing was promised."""


class Broken(AssertionError):
    """An answer that no subscriber should ever get, or another one than before."""


class Promises:
    """What the server has acknowledged; the same question must always get the same answer."""

    def __init__(self) -> None:
        self._kept: dict[str, object] = {}
        self.certificates: list[bytes] = []
        self.revoked: set[int] = set()

    def get(self, name: str) -> Any:
        return self._kept.get(name)

    def keep(self, name: str, value: Any) -> None:
        """Remember an acknowledgement.

        Raises:
            Broken: it was another one before.
        """
        before = self._kept.setdefault(name, value)
        if before != value:
            raise Broken(f"{name} was {before!r} and is now {value!r}")
        if isinstance(value, bytes) and value not in self.certificates:
            self.certificates.append(value)


def expect(answer: Answer, *statuses: int) -> Answer:
    """Let one of these statuses pass.

    Raises:
        Refused: 503, or EST's 202, with the time to come back.
        Broken: anything else.
    """
    if answer.status in statuses:
        return answer
    if answer.status in {202, 503} and int(answer.headers["Retry-After"]) > 0:
        raise Refused
    raise Broken(f"status {answer.status}: {answer.body[:300]!r}")


class Subscriber:
    """One registration with single-use secrets, and what it does through each door.

    Each flow may be walked again and again: what was acknowledged is not asked for anew but checked, and what was
    not is asked for with the very same bytes.
    """

    def __init__(self, house: House, number: str, folder: Path, *, sheet: Json | None = None) -> None:
        self.house = house
        self.zone = f"n{number}.crash.example"
        self.promises = Promises()
        self.patience_seconds: float = PATIENCE_SECONDS
        self._folder = folder
        profiles = ("--profile", "device", "--profile", "looked-at")
        subject = ("--subject", f"CN={number},C=TW", "--zone", self.zone)
        self.sheet = sheet or house.register("--kind", "device", *subject, *profiles)
        self._acme: Client | None = None
        self._requests: dict[str, bytes] = {}
        self._keys = {name: new_key() for name in ("acme", "est", "again")}

    def _request(self, name: str, *names: str) -> bytes:
        if name not in self._requests:
            self._requests[name] = csr(self._keys[name], *names)
        return self._requests[name]

    def client(self) -> Client:
        """The ACME client; it has read the directory."""
        if self._acme is None:
            self._acme = Client(self.house)
        return self._acme

    def account(self) -> None:
        """NewAccount with a single-use EAB key; again, it finds the account and spends nothing."""
        client = self.client()
        expect(client.new_account(self.sheet["eab"]), 200, 201)
        self.promises.keep("account", client.account)

    def order(self) -> None:
        """NewOrder for a vetted name."""
        client = self.client()
        if self.promises.get("order") is None:
            placed = expect(client.new_order(f"acme.{self.zone}"), 201)
            self.promises.keep("order", placed.headers["Location"])
            self.promises.keep("finalize", placed.json["finalize"])
        shown = expect(client.post(self.promises.get("order")), 200)
        self.promises.keep("finalize", shown.json["finalize"])

    def finalize(self) -> None:
        """Finalize and download, with the same request each time."""
        client = self.client()
        body = {"csr": b64(self._request("acme", f"acme.{self.zone}"))}
        order = expect(client.post(self.promises.get("finalize"), body), 200).json
        order = self._settled(order)
        if order["status"] == "processing":
            raise Refused
        if order["status"] != "valid":
            raise Broken(f"the order is {order}")
        self.promises.keep("certificate URL", order["certificate"])
        pem = expect(client.post(order["certificate"]), 200).body
        self.promises.keep("ACME certificate", x509.load_pem_x509_certificates(pem)[0].public_bytes(Encoding.DER))

    def _settled(self, order: Json) -> Json:
        deadline = time.monotonic() + self.patience_seconds
        while order["status"] == "processing" and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            order = expect(self.client().post(self.promises.get("order")), 200).json
        return order

    def acme(self) -> None:
        """From nothing to a certificate, through ACME."""
        self.account()
        self.order()
        self.finalize()

    def give_up(self) -> int:
        """RevokeCert; return the serial."""
        der: bytes = self.promises.get("ACME certificate")
        answer = self.client().post(self.client().directory["revokeCert"], {"certificate": b64(der)})
        # Asked again, it is no success for RFC 8555, 7.6, but says all the same that it is done.
        is_done = answer.status == 400 and answer.problem == "alreadyRevoked"
        if not is_done:
            expect(answer, 200)
        serial = x509.load_der_x509_certificate(der).serial_number
        self.promises.revoked.add(serial)
        return serial

    def revoke(self) -> None:
        """RevokeCert, and the CRL that shows it."""
        serial = self.give_up()
        if self.patience_seconds:
            await_crl(self.house, serial)
        else:
            # The disk fails: wait until the publisher has tried.
            with suppress(Broken):
                await_crl(self.house, serial, within_seconds=_TURN_SECONDS)

    def enroll(self) -> None:
        """EST simpleenroll with a single-use code; the lost answer is asked for with the same bytes."""
        user = base64.b64encode(f"{self.sheet['account']}:{self.sheet['enrollment_code']}".encode()).decode()
        body = self._request("est", f"est.{self.zone}")
        self.promises.keep("EST certificate", self._est("simpleenroll", body, {"Authorization": f"Basic {user}"}))

    def reenroll(self) -> None:
        """EST simplereenroll with the certificate from before, and a new key."""
        held = x509.load_der_x509_certificate(self.promises.get("EST certificate"))
        if "again" not in self._requests:
            names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            builder = x509.CertificateSigningRequestBuilder().subject_name(held.subject)
            builder = builder.add_extension(names.value, critical=False)
            request = builder.sign(self._keys["again"], SHA256())
            self._requests["again"] = request.public_bytes(Encoding.DER)
        pem = self._folder / f"{self.zone}.pem"
        key = self._keys["est"].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        pem.write_bytes(key + held.public_bytes(Encoding.PEM))
        self.promises.keep("renewed", self._est("simplereenroll", self._requests["again"], {}, certificate=pem))

    def est(self) -> None:
        """From nothing to a renewed certificate, through EST."""
        self.enroll()
        self.reenroll()

    def ask(self) -> None:
        """EST simpleenroll of a profile that an officer looks at."""
        with suppress(Refused):
            self._looked_at()

    def approved(self) -> None:
        """An officer agrees, by the command; the code that brings it works once, however often it is asked with."""
        for waiting in json.loads(self.house.command("requests", "--json")):
            if waiting["account"] == self.sheet["account"]:
                self.house.command("requests", "approve", str(waiting["request"]))
        deadline = time.monotonic() + self.patience_seconds
        while True:
            try:
                self._looked_at()
            except Refused:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_SECONDS)
            else:
                return

    def _looked_at(self) -> None:
        user = base64.b64encode(f"{self.sheet['account']}:{self.sheet['enrollment_code']}".encode()).decode()
        body, headers = self._request("est", f"est.{self.zone}"), {"Authorization": f"Basic {user}"}
        self.promises.keep("approved certificate", self._est("simpleenroll", body, headers, label="looked-at"))

    def _est(
        self,
        operation: str,
        der: bytes,
        headers: dict[str, str],
        *,
        certificate: Path | None = None,
        label: str = "device",
    ) -> bytes:
        tls = ssl.create_default_context(cafile=str(self.house.trust))
        if certificate is not None:
            tls.load_cert_chain(certificate)
        connection = http.client.HTTPSConnection("localhost", self.house.port + 1, context=tls, timeout=30)
        try:
            path = f"/.well-known/est/{label}/{operation}"
            connection.request("POST", path, base64.b64encode(der), {"Content-Type": "application/pkcs10"} | headers)
            answer = expect(Answer(connection.getresponse()), 200)
        finally:
            connection.close()
        (issued,) = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.body))
        return issued.public_bytes(Encoding.DER)


def crl(house: House, name: str = "issuing") -> x509.CertificateRevocationList:
    """The CRL that the repository serves now."""
    connection = http.client.HTTPConnection("localhost", house.port + 3, timeout=30)
    try:
        connection.request("GET", f"/crl/{name}.crl")
        return x509.load_der_x509_crl(expect(Answer(connection.getresponse()), 200).body)
    finally:
        connection.close()


def await_crl(house: House, serial: int, *, within_seconds: float = CRL_SECONDS) -> None:
    """Wait until relying parties see a revocation; they are promised a minute.

    Raises:
        Broken: they do not.
    """
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        if crl(house).get_revoked_certificate_by_serial_number(serial) is not None:
            return
        time.sleep(_POLL_SECONDS)
    raise Broken(f"serial {serial:x} is revoked and not on the CRL")

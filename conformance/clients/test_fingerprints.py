"""Clients that cannot be installed here get their certificates: their octets go out, and their readers read ours."""

from __future__ import annotations

import base64
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    pkcs7,
)

from conformance.clients.fingerprints import CLOSED, FINGERPRINTS, Answer, Fingerprint, parts_read
from conformance.house import House

each_client = pytest.mark.parametrize("client", FINGERPRINTS, ids=[one.name for one in FINGERPRINTS])
LIBEST = FINGERPRINTS[0]
# An hour's life: half an hour later its renewal is due.
SETTINGS = ("profiles.device.validity_seconds=3600", "profiles.device.server_keygen=clear")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("house"), *SETTINGS)
    built.start()
    yield built
    built.close()


class Connection:
    """What a client has to connect with: trust, and perhaps a certificate and its key."""

    def __init__(self, house: House, client: Fingerprint, holds: Path | None = None) -> None:
        self._port = house.port + 1
        self.host = f"localhost:{self._port}"
        self._context = ssl.create_default_context(cafile=str(house.trust))
        self._context.maximum_version = client.tls
        if holds is not None:
            self._context.load_cert_chain(holds)

    def send(self, octets: bytes) -> Answer:
        """Send a request in one write, on a connection of its own; read record by record until the answer is whole."""
        with (
            socket.create_connection(("127.0.0.1", self._port), timeout=20) as plain,
            self._context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False) as tls,
        ):
            tls.sendall(octets)
            answer = Answer([tls.recv(65_536)])
            length = int(answer.header("content-length") or 0)
            while len(answer.body) < length and (record := tls.recv(65_536)):
                answer.records.append(record)
            return Answer(answer.records, _ending(tls) if b"Connection: close" in octets else "")


def _ending(tls: ssl.SSLSocket) -> str:
    """What comes after an answer."""
    try:
        return tls.recv(1).hex() or CLOSED
    except OSError as error:
        return str(error)


class Caller:
    """One client with a key and a registration."""

    def __init__(self, house: House, client: Fingerprint) -> None:
        self.house, self.client = house, client
        self.sheet: dict[str, Any] = house.register("--kind", "device", "--subject", f"CN={client.name},C=TW")
        self.key = ec.generate_private_key(ec.SECP256R1())

    def get(self, operation: str) -> Answer:
        connection = Connection(self.house, self.client)
        path = f"/.well-known/est/{operation}"
        return connection.send(self.client.get.format(path=path, host=connection.host).encode())

    def post(self, operation: str, *, signs_in: bool = False, holds: Path | None = None) -> Answer:
        connection = Connection(self.house, self.client, holds)
        name = x509.Name.from_rfc4514_string(f"CN={self.client.name},C=TW")
        request = x509.CertificateSigningRequestBuilder(name).sign(self.key, SHA256())
        body = self.client.body(request.public_bytes(Encoding.DER))
        head = self.client.post.format(
            path=f"/.well-known/est/device/{operation}",
            host=connection.host,
            length=len(body),
            authorization=self._authorization() if signs_in else "",
        )
        return connection.send(head.encode() + self.client.frame(body))

    def keep(self, certificate: x509.Certificate, path: Path) -> Path:
        """Certificate and key in one file."""
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
        return path

    def certificates(self, answer: Answer) -> list[x509.Certificate]:
        return pkcs7.load_der_pkcs7_certificates(self.client.certificates(answer))

    def _authorization(self) -> str:
        pair = f"{self.sheet['account']}:{self.sheet['enrollment_code']}"
        return f"Authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"


@each_client
def test_a_client_fetches_enrolls_and_renews(house: House, tmp_path: Path, client: Fingerprint) -> None:
    caller = Caller(house, client)

    trusted = caller.certificates(caller.get("cacerts"))
    (first,) = caller.certificates(caller.post("simpleenroll", signs_in=True))
    held = caller.keep(first, tmp_path / "held.pem")
    caller.key = ec.generate_private_key(ec.SECP256R1())
    house.move_clock(days=1 / 48)
    (second,) = caller.certificates(caller.post("simplereenroll", holds=held))
    house.move_clock(days=0)

    assert any(one.subject == one.issuer for one in trusted)
    assert second.subject == first.subject
    assert (second.public_key(), first.public_key() == second.public_key()) == (caller.key.public_key(), False)


@each_client
def test_who_does_not_sign_in_at_once_is_asked_to_in_a_way_that_it_knows(house: House, client: Fingerprint) -> None:
    asked = Caller(house, client).post("simpleenroll")

    assert asked.status == 401
    assert (asked.header("www-authenticate") or "").startswith("Basic realm=")
    assert asked.header("content-length") is not None
    assert len(asked.records) == 1


def test_libest_reads_what_to_ask_for(house: House) -> None:
    answer = Caller(house, LIBEST).get("device/csrattrs")

    assert answer.status == 200
    assert answer.header("content-type") == "application/csrattrs"
    assert len(answer.body) <= 1_024
    assert len(answer.head) + 4 < 1_024
    assert len(answer.records) == 1


@each_client
def test_a_client_gets_a_key_that_the_server_made(house: House, client: Fingerprint) -> None:
    key, certificates = parts_read(Caller(house, client).post("serverkeygen", signs_in=True))

    (certificate,) = pkcs7.load_der_pkcs7_certificates(certificates)
    assert load_der_private_key(key, None).public_key() == certificate.public_key()

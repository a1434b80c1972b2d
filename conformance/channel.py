"""Clients that know their TLS connection's channel binding: Python's own under TLS 1.2, pyOpenSSL under TLS 1.3."""

from __future__ import annotations

import base64
import socket
import ssl
import subprocess
from pathlib import Path
from typing import IO, Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AttributeOID, NameOID, ObjectIdentifier
from OpenSSL import SSL

from conformance.house import House

CHALLENGE_PASSWORD = AttributeOID.CHALLENGE_PASSWORD
OTP_CHALLENGE = ObjectIdentifier("1.2.840.113549.1.9.16.2.56")
REVOCATION_CHALLENGE = ObjectIdentifier("1.2.840.113549.1.9.16.2.57")
EST_IDENTITY_LINKING = ObjectIdentifier("1.2.840.113549.1.9.16.2.58")
LABEL = b"EXPORTER-Channel-Binding"


class Connection(Protocol):
    """One TLS connection to the EST listener."""

    def binding(self) -> bytes: ...

    def say(self, octets: bytes) -> None: ...

    def hear(self) -> bytes: ...

    def close(self) -> None: ...


class Tls12:
    """TLS 1.2 by the standard library: tls-unique."""

    def __init__(self, house: House, *, session: ssl.SSLSession | None = None, own: Path | None = None) -> None:
        context = ssl.create_default_context(cafile=str(house.trust))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        if own is not None:
            context.load_cert_chain(own)
        plain = socket.create_connection(("127.0.0.1", house.port + 1), timeout=10)
        self.tls = context.wrap_socket(plain, server_hostname="localhost", session=session)

    def binding(self) -> bytes:
        value = self.tls.get_channel_binding("tls-unique")
        assert value
        return value

    def say(self, octets: bytes) -> None:
        self.tls.sendall(octets)

    def hear(self) -> bytes:
        return self.tls.recv(65_536)

    def close(self) -> None:
        self.tls.close()


class Tls13:
    """TLS 1.3 by pyOpenSSL: tls-exporter."""

    def __init__(self, house: House, *, label: bytes = LABEL, own: Path | None = None) -> None:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        if own is not None:
            context.use_certificate_chain_file(str(own))
            context.use_privatekey_file(str(own))
        context.load_verify_locations(str(house.trust))
        context.set_verify(SSL.VERIFY_PEER)
        self._label = label
        self._plain = socket.create_connection(("127.0.0.1", house.port + 1))
        self._tls = SSL.Connection(context, self._plain)
        self._tls.set_connect_state()
        self._tls.do_handshake()

    def binding(self) -> bytes:
        return self._tls.export_keying_material(self._label, 32, b"")

    def say(self, octets: bytes) -> None:
        self._tls.sendall(octets)

    def hear(self) -> bytes:
        try:
            return self._tls.recv(65_536)
        except SSL.ZeroReturnError:
            return b""

    def close(self) -> None:
        self._plain.close()


class OpensslClient:
    """TLS 1.3 by `openssl s_client`, which prints what it exports."""

    def __init__(self, house: House) -> None:
        self._process = subprocess.Popen(
            [
                *("openssl", "s_client", "-connect", f"localhost:{house.port + 1}", "-tls1_3", "-ign_eof"),
                *("-CAfile", str(house.trust), "-keymatexport", LABEL.decode(), "-keymatexportlen", "32"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )

    @property
    def _out(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def binding(self) -> bytes:
        while line := self._out.readline():
            before, found, value = line.partition(b"Keying material: ")
            if found and not before.strip():
                return bytes.fromhex(value.decode())
        raise AssertionError("openssl exported nothing")

    def say(self, octets: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(octets)

    def hear(self) -> bytes:
        return self._out.read(65_536)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def request(name: str, attributes: list[tuple[ObjectIdentifier, bytes]], key: Any = None) -> bytes:
    """A certification request in base64, with attributes."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    )
    for kind, value in attributes:
        builder = builder.add_attribute(kind, value)
    signed = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), SHA256())
    return base64.encodebytes(signed.public_bytes(Encoding.DER))


def exchange(connection: Connection, head: str, body: bytes = b"") -> tuple[int, bytes]:
    """One request on a connection; status and body."""
    framed = f"{head}Content-Length: {len(body)}\r\n\r\n" if body else f"{head}\r\n"
    connection.say(framed.encode() + body)
    answer = b""
    while b"\r\n\r\n" not in answer:
        chunk = connection.hear()
        assert chunk, answer
        answer += chunk
    block, _, rest = answer.partition(b"\r\n\r\n")
    wanted = int(block.lower().partition(b"content-length:")[2].splitlines()[0])
    while len(rest) < wanted:
        rest += connection.hear()
    # What a client prints before the answer is none of ours.
    return int(block.rpartition(b"HTTP/1.1 ")[2].split()[0]), rest


def enroll_head(sheet: dict[str, Any], operation: str = "simpleenroll", *more: str) -> str:
    """The head of an enrollment with the code of a sheet, less its length."""
    token = base64.b64encode(f"{sheet['account']}:{sheet['enrollment_code']}".encode()).decode()
    lines = [
        f"POST /.well-known/est/{operation} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Basic {token}",
        "Content-Type: application/pkcs10",
        *more,
    ]
    return "".join(f"{line}\r\n" for line in lines)

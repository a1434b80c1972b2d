"""A server that is not ours: it answers over TLS as it was told to, and remembers what it was asked."""

from __future__ import annotations

import base64
import contextlib
import http.server
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates
from cryptography.x509.oid import NameOID

from conformance.house import must

PublicKey = Any
Answer = tuple[int, dict[str, str], bytes]
"""Status, headers and body."""
_START, _END = datetime(2025, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


class StrangeCa:
    """A CA that is none of a house's; its certificate lies in a folder as openssl looks for it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._key, self._name = ec.generate_private_key(ec.SECP256R1()), _name("Strange CA")
        self.certificate = self._signed(self._name, self._key.public_key(), is_ca=True)
        (folder / "ca.pem").write_bytes(self.certificate.public_bytes(Encoding.PEM))
        must("openssl", "rehash", folder)

    def server(self, path: Path) -> Path:
        """Key and certificate of a server on this machine, in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.certify(key.public_key(), "localhost")
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
        return path

    def certify(self, key: PublicKey, name: str) -> x509.Certificate:
        """A certificate for a key and a name."""
        return self._signed(_name(name), key, x509.DNSName(name))

    def _signed(
        self, subject: x509.Name, key: PublicKey, *names: x509.GeneralName, is_ca: bool = False
    ) -> x509.Certificate:
        serial = x509.random_serial_number()
        builder = x509.CertificateBuilder(self._name, subject, key, serial, _START, _END)
        builder = builder.add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, SHA256())


class Impostor:
    """What is asked, and what is answered.

    Args:
        answers: by operation; anything else is 404.
    """

    def __init__(self, port: int, answers: dict[str, Callable[[bytes], Answer]]) -> None:
        self.url = f"https://localhost:{port}/.well-known/est"
        self.answers = answers
        self.asked: list[str] = []

    def answer(self, path: str, body: bytes) -> Answer:
        operation = path.rpartition("/")[2]
        self.asked.append(operation)
        told = self.answers.get(operation)
        return told(body) if told else (404, {}, b"")


@contextlib.contextmanager
def impostor(
    port: int, pem: Path, answers: dict[str, Callable[[bytes], Answer]], *, password: str = ""
) -> Iterator[Impostor]:
    """Serve.

    Args:
        pem: key and certificates of the server.
        password: of the key.
    """
    built = Impostor(port, answers)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status, headers, content = built.answer(self.path, body)
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(content))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def __getattr__(self, name: str) -> Any:
            # Whatever the method is.
            if name.startswith("do_"):
                return self.respond
            raise AttributeError(name)

        def log_message(self, *_: Any) -> None:
            pass

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, password=password)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield built
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def certificates(*certificates: x509.Certificate) -> Answer:
    """A successful answer of EST."""
    return 200, {}, base64.encodebytes(serialize_certificates(list(certificates), Encoding.DER))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

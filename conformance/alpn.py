"""What answers tls-alpn-01: a certificate that openssl made, shown by openssl's own server."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conformance.house import client, must

_READY_SECONDS = 10


@contextmanager
def answering(
    folder: Path, port: int, san: str, key_authorization: str, *, protocol: str = "acme-tls/1"
) -> Iterator[None]:
    """Answer on a loopback port for a while.

    Args:
        san: the one subject alternative name as openssl writes it, such as `DNS:www.example`.
    """
    digest = hashlib.sha256(key_authorization.encode()).hexdigest()
    key, certificate = folder / "alpn.key", folder / "alpn.pem"
    must(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"),
        *("-subj", "/CN=whoever", "-keyout", key, "-out", certificate, "-addext", f"subjectAltName={san}"),
        *("-addext", f"1.3.6.1.5.5.7.1.31=critical,DER:0420{digest}"),
    )
    shown = (str(client("openssl")), "s_server", "-quiet", "-key", str(key), "-cert", str(certificate))
    served = subprocess.Popen(
        [*shown, "-accept", f"127.0.0.1:{port}", "-alpn", protocol],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await(port)
        yield
    finally:
        served.kill()
        served.communicate()


def _await(port: int) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            assert time.monotonic() < deadline, "openssl s_server did not begin"
            time.sleep(0.02)

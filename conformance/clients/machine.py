"""A subscriber's machine: a home, what is installed, and the commands of the guide pasted into its shell."""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conformance.clients import guide
from conformance.house import House, client, run
from conformance.openssl import verifies

NOT_GIVEN = "not-given"
_DAY = 86_400
_STOP_SECONDS = 20
_SERVED_SECONDS = 60


class Machine:
    """A folder that is home and working directory, and an environment with the variables that the guide asks for."""

    def __init__(self, house: House, folder: Path, sheet: dict[str, Any] | None = None, **variables: str) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.webroot = folder / "www"
        self.bin.mkdir(parents=True)
        self.webroot.mkdir()
        self._house = house
        self._said_before: list[str] = []
        eab = (sheet or {}).get("eab") or {}
        self._variables = {
            "SERVER": house.directory,
            "TRUST": str(house.trust),
            "KID": eab.get("kid", NOT_GIVEN),
            "KEY": eab.get("hmac_key", NOT_GIVEN),
            "MAIL": "holder@example.com",
            "NAME": NOT_GIVEN,
            "ADDRESS": NOT_GIVEN,
            "WEBROOT": str(self.webroot),
            "HTTP_PORT": str(house.http_01_port),
            "TLS_PORT": str(house.tls_alpn_01_port),
            "LIVE": NOT_GIVEN,
            "PROFILE": NOT_GIVEN,
            **variables,
        }
        wanted, given = guide.variables(guide.GUIDE.read_text("utf-8")), frozenset(self._variables)
        assert given == wanted, f"the guide asks for {sorted(wanted ^ given)} more or less than this machine sets"

    def paste(self, name: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one block of the guide to its end, or to its first command that fails."""
        language, text = guide.block(name)
        return self.shell(f"python - <<'END'\n{text}\nEND" if language == "python" else text, **variables)

    def paste_first(self, name: str) -> None:
        """Paste one block into every shell before what follows: its `export` lines hold from now on."""
        self._said_before.append(guide.block(name).text)

    def shell(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run lines as a shell does that stops at an error and at an unset variable."""
        lines = "\n".join([*self._said_before, script])
        return run("bash", "-eu", "-o", "pipefail", "-c", lines, cwd=self.folder, env=self._environment(variables))

    def pasted_meanwhile(self, name: str) -> contextlib.AbstractContextManager[Path]:
        """Run one block of the guide that does not end by itself."""
        return self.meanwhile(guide.block(name).text)

    @contextlib.contextmanager
    def meanwhile(self, command: str) -> Iterator[Path]:
        """Run a program that does not end by itself, until this ends; yields the file of what it says."""
        said = self.folder / "said.log"
        lines = "\n".join([*self._said_before, f"exec {command}"])
        with said.open("a") as log:
            process = subprocess.Popen(
                ["bash", "-eu", "-c", lines], cwd=self.folder, env=self._environment({}), stdout=log, stderr=log
            )
        try:
            yield said
        finally:
            process.terminate()
            process.wait(_STOP_SECONDS)

    def verifies(self, certificate: str, *, untrusted: str) -> bool:
        """Whether openssl accepts a certificate of this machine today."""
        return verifies(self._house, self.folder / certificate, untrusted=self.folder / untrusted)

    def command(self, name: str, script: str) -> None:
        """Put a command into this machine's path."""
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def _environment(self, variables: dict[str, str]) -> dict[str, str]:
        path = f"{self.bin}:{client('certbot').parent}:{client('caddy').parent}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.folder), "LANG": "C.UTF-8", **self._variables, **variables}


@contextlib.contextmanager
def house_of_the_past(folder: Path, *settings: str, days: int = 61) -> Iterator[House]:
    """A house whose clock is behind; set right later, it finds clients with certificates that are that old."""
    (folder / "clock").write_text(str(-days * _DAY))
    house = House(folder, *settings)
    try:
        yield house
    finally:
        house.close()


def served_certificate(house: House, name: str, *, other_than: bytes = b"") -> bytes:
    """The certificate under our trust anchor that a web server on the port for TLS has, as soon as it is another one.

    Raises:
        TimeoutError: it did not come.
    """
    context = ssl.create_default_context(cafile=str(house.trust))
    deadline = time.monotonic() + _SERVED_SECONDS
    while time.monotonic() < deadline:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", house.tls_alpn_01_port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=name) as tls,
        ):
            certificate = tls.getpeercert(binary_form=True) or b""
            if certificate != other_than:
                return certificate
        time.sleep(0.1)
    raise TimeoutError(f"no other certificate for {name}")


@contextlib.contextmanager
def web_server(root: Path, port: int) -> Iterator[None]:
    """A subscriber's web server: it serves the files below a folder and knows nothing of ACME."""
    handler = functools.partial(_Quiet, directory=str(root))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass

"""A device that speaks EST with curl and openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Protocol

from conformance.house import must, run

_PKCS10 = "Content-Type: application/pkcs10"


class Place(Protocol):
    """Where EST is served, by one server or by a balancer in front of several."""

    @property
    def est(self) -> str: ...

    @property
    def trust(self) -> Path: ...


class Device:
    """One key, one request, one certificate, each in a file."""

    def __init__(self, house: Place, folder: Path, *, subject: str = "/CN=device") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._house = house
        self.folder = folder
        self.key, self.request = folder / "key.pem", folder / "request.b64"
        self.certificate, self.headers = folder / "certificate.pem", folder / "headers"
        self.body = folder / "body"
        self.new_key()
        self.ask(subject)

    def new_key(self, algorithm: str = "EC", option: str = "ec_paramgen_curve:P-256") -> None:
        """Make a key in the place of the one before."""
        must("openssl", "genpkey", "-algorithm", algorithm, "-pkeyopt", option, "-out", self.key)

    def ask(self, subject: str, *extensions: str, key: Path | None = None) -> None:
        """Write a certification request in base64."""
        added = [part for extension in extensions for part in ("-addext", extension)]
        utf8 = ["-utf8", "-subj", subject]
        der = self.folder / "request.der"
        must("openssl", "req", "-new", "-key", key or self.key, *utf8, *added, "-outform", "DER", "-out", der)
        must("openssl", "base64", "-in", der, "-out", self.request)

    def ask_like(self, certificate: Path) -> None:
        """Ask with the subject and names of a certificate, as a renewal has to (RFC 7030, 4.2.2)."""
        pem, der = self.folder / "request.pem", self.folder / "request.der"
        must(
            *("openssl", "x509", "-x509toreq", "-in", certificate, "-signkey", self.key),
            *("-copy_extensions", "copy", "-out", pem),
        )
        must("openssl", "req", "-in", pem, "-outform", "DER", "-out", der)
        must("openssl", "base64", "-in", der, "-out", self.request)

    def post(self, path: str, *options: str | Path, media_type: str = _PKCS10) -> int:
        """POST the request; the status is returned, headers and body are in files."""
        done = self.curl(
            *("-H", media_type, "--data-binary", f"@{self.request}", *options, f"{self._house.est}/{path}")
        )
        status = int(done.stdout)
        if status == 200:
            self._open()
        return status

    def enroll(self, sheet: dict[str, str], label: str = "") -> int:
        """Enroll with the code of a sheet."""
        path = f"{label}/simpleenroll" if label else "simpleenroll"
        return self.post(path, "-u", f"{sheet['account']}:{sheet['enrollment_code']}")

    def reenroll(self, label: str = "") -> int:
        """Renew with the certificate and key that the device holds."""
        path = f"{label}/simplereenroll" if label else "simplereenroll"
        held, key = self.keep()
        return self.post(path, "--cert", held, "--key", key)

    def keep(self) -> tuple[Path, Path]:
        """Put certificate and key aside, so that new ones can be made beside them."""
        held, key = self.folder / "held.pem", self.folder / "held.key"
        held.write_bytes(self.certificate.read_bytes())
        key.write_bytes(self.key.read_bytes())
        return held, key

    def curl(self, *options: str | Path) -> subprocess.CompletedProcess[str]:
        """Run curl; it prints the status."""
        return run(
            *("curl", "--silent", "--show-error", "--cacert", self._house.trust, "--dump-header", self.headers),
            *("--output", self.body, "--write-out", "%{http_code}", *options),
        )

    def header(self, name: str) -> str | None:
        """One header of the last answer."""
        for line in self.headers.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None

    def said(self) -> str:
        """The body of the last answer as text."""
        return self.body.read_text()

    def _open(self) -> None:
        der = self.folder / "answer.p7"
        must("openssl", "base64", "-d", "-in", self.body, "-out", der)
        must("openssl", "pkcs7", "-inform", "DER", "-in", der, "-print_certs", "-out", self.certificate)


def ca_certificates(house: Place, folder: Path) -> Path:
    """What `/cacerts` brings, in PEM."""
    body, der, pem = folder / "cas.b64", folder / "cas.p7", folder / "cas.pem"
    must("curl", "--silent", "--show-error", "--fail", "--cacert", house.trust, "-o", body, f"{house.est}/cacerts")
    must("openssl", "base64", "-d", "-in", body, "-out", der)
    must("openssl", "pkcs7", "-inform", "DER", "-in", der, "-print_certs", "-out", pem)
    return pem

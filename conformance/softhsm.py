"""A real token in software: SoftHSM2 in a folder of the test's own."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

_MODULES = ("/usr/lib/*-linux-gnu/softhsm/libsofthsm2.so", "/usr/lib/softhsm/libsofthsm2.so")
PIN = "7391-pin-of-the-test"
SO_PIN = "so-pin-of-the-test"


def module_path() -> Path:
    """Where Debian puts it on this machine; a missing one fails the test."""
    for pattern in _MODULES:
        for path in Path("/").glob(pattern.removeprefix("/")):
            return path
    raise AssertionError("SoftHSM2 is missing; run conformance/install")


class SoftToken:
    """A token that was just initialized; its label is its own, since a process sees the tokens of all its tests."""

    def __init__(self, folder: Path) -> None:
        self.label = f"soapstone-{secrets.token_hex(4)}"
        self._tokens = folder / "tokens"
        self._elsewhere = folder / "tokens-elsewhere"
        self._tokens.mkdir(parents=True)
        self.configuration = folder / "softhsm2.conf"
        self.configuration.write_text(f"directories.tokendir = {self._tokens}\nobjectstore.backend = file\n")
        self.module = module_path()
        self.pin_file = folder / "pin"
        self.pin_file.write_text(f"{PIN}\n")
        self._util("--init-token", "--free", "--label", self.label, "--so-pin", SO_PIN, "--pin", PIN)

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process needs to see it."""
        return {**os.environ, "SOFTHSM2_CONF": str(self.configuration)}

    def uri(self, label: str = "ca", *, more: str = "") -> str:
        """Of a key in it."""
        return (
            f"pkcs11:token={self.label};object={label}{more}?module-path={self.module}&pin-source=file:{self.pin_file}"
        )

    def put(self, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, label: str, key_id: str) -> None:
        """Bring a key in from outside, as a CA that moves into a token does."""
        path = self.configuration.with_name("moving.key")
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self._util("--import", path, "--token", self.label, "--label", label, "--id", key_id, "--pin", PIN)
        path.unlink()

    def add_namesake(self) -> None:
        """Put a second token of the same label into the next slot."""
        self._util("--init-token", "--free", "--label", self.label, "--so-pin", SO_PIN, "--pin", PIN)

    def go_away(self) -> None:
        """As when it is pulled out."""
        self._tokens.rename(self._elsewhere)

    def come_back(self) -> None:
        """As when it is put in again."""
        self._elsewhere.rename(self._tokens)

    def _util(self, *arguments: str | Path) -> None:
        command = ["softhsm2-util", *map(str, arguments)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

"""A home: the folder with everything that one server is."""

from __future__ import annotations

import secrets
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.errors import Misconfigured
from ca_core.files import replace, write_new
from ca_core.registration.credential import MASTER_KEY_OCTETS
from server import settings as settings_module
from server.settings import FILE_NAME, Settings

TRUST_ANCHOR = "trust.pem"
OWN_CERTIFICATE = "tls/server.pem"
_PASSPHRASE_OCTETS = 32


def refuse_existing(home: Path) -> None:
    """Refuse to make a home where there is one.

    Raises:
        Misconfigured: there is.
    """
    if (home / FILE_NAME).exists():
        raise Misconfigured(
            f"{home} is a home already; choose another folder, or serve it: soapstone --home {home} serve"
        )


def lay_out(home: Path) -> None:
    """Make the folder and its secrets.

    Raises:
        Misconfigured: the folder cannot be written.
    """
    try:
        for folder in (home, home / "secrets", home / "authority", home / "tls"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_secret(home / "secrets" / "passphrase", secrets.token_hex(_PASSPHRASE_OCTETS))
        _write_secret(home / "secrets" / "credential.key", secrets.token_hex(MASTER_KEY_OCTETS))
    except OSError as error:
        raise Misconfigured(f"cannot make a home at {home}: {error.strerror}") from None


def write_settings(home: Path, settings: Settings) -> None:
    """Write the settings file, whose presence makes a folder a home."""
    write_new(home / FILE_NAME, settings_module.as_toml(settings).encode(), mode=0o600)


def write_trust_anchor(home: Path, root: x509.Certificate) -> Path:
    """Write the root's certificate where every sheet points to, and return that path, absolute."""
    path = (home / TRUST_ANCHOR).resolve()
    replace(path, root.public_bytes(Encoding.PEM), mode=0o644)
    return path


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 in hex, as subscribers compare it."""
    return certificate.fingerprint(SHA256()).hex()


def _write_secret(path: Path, text: str) -> None:
    write_new(path, f"{text}\n".encode(), mode=0o600)

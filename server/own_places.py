"""Where others reach what this server offers."""

from __future__ import annotations

from pathlib import Path

from ca_core.registration.sheet import Places
from server.home import TRUST_ANCHOR
from server.settings import Settings


def places(home: Path, settings: Settings) -> Places:
    """Where subscribers find this server."""
    return Places(
        acme_directory=f"{settings.public}/acme/directory",
        est_url=f"{settings.est_base}/.well-known/est",
        portal_url=f"{settings.public}/",
        ca_bundle=str((home / TRUST_ANCHOR).resolve()),
    )


def crl_url(settings: Settings, name: str) -> str:
    """Where the CRL of a CA is served."""
    return f"{settings.repository}/crl/{name}.crl"


def ca_url(settings: Settings, name: str) -> str:
    """Where the certificate of a CA is served."""
    return f"{settings.repository}/ca/{name}.cer"


def ocsp_url(settings: Settings) -> str:
    """Where the status of certificates is asked."""
    return f"{settings.repository}/ocsp"

"""A private key on its way to whom it is made for (RFC 5958, 2)."""

from __future__ import annotations

from ca_core import der as encoding


def key_package(pkcs8: bytes) -> bytes:
    """An AsymmetricKeyPackage with one key; `ASYMMETRIC_KEY_PACKAGE` is its content type."""
    return encoding.sequence(pkcs8)

"""openssl as relying party."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509

from conformance import pkilint
from conformance.house import House, must, run

_AS_REGISTERED = "-nameopt=RFC2253,utf8,-esc_msb"


def verifies(
    house: House, certificate: Path, *, untrusted: Path, crl: Path | None = None, at_its_start: bool = False
) -> bool:
    """Whether `openssl verify` accepts a certificate under the printed trust anchor, now or when it begins."""
    options: list[str | Path] = ["-CAfile", house.trust, "-untrusted", untrusted]
    if crl is not None:
        options += ["-crl_check", "-CRLfile", crl]
    if at_its_start:
        parsed = x509.load_pem_x509_certificate(certificate.read_bytes())
        options += ["-attime", str(int(parsed.not_valid_before_utc.timestamp()))]
    return run("openssl", "verify", *options, certificate).returncode == 0


def fetch_crl(house: House) -> Path:
    """The issuing CA's CRL as the repository serves it, in PEM; pkilint finds nothing in it."""
    der, pem = house.home.parent / "crl.der", house.home.parent / "crl.pem"
    must("curl", "--silent", "--show-error", "--fail", "-o", der, f"{house.repository}/crl/issuing.crl")
    must("openssl", "crl", "-inform", "DER", "-in", der, "-out", pem)
    assert pkilint.crl_errors(der) == ""
    return pem


def subject_of(certificate: Path) -> str:
    """The subject as RFC 4514 writes it."""
    printed = must("openssl", "x509", "-in", certificate, "-noout", "-subject", _AS_REGISTERED)
    return printed.strip().removeprefix("subject=")

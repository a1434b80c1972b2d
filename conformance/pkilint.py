"""pkilint's own commands as reader of what clients got."""

from __future__ import annotations

import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from conformance.house import run

# A URI with a host that has no dot is none for pkilint; the server under test is on this one.
_NO_DOTS = 'Invalid URI syntax: "http://localhost:'
_BIN = Path(sys.executable).parent


def certificate_errors(path: Path) -> str:
    """Findings of severity error in the first certificate of a file in PEM."""
    der = path.with_suffix(".der")
    der.write_bytes(x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER))
    return _findings("lint_pkix_cert", "lint", der)


def crl_errors(path: Path) -> str:
    """Findings of severity error in a CRL in DER."""
    return _findings("lint_crl", "lint", "-t", "CRL", "-p", "PKIX", path)


def ocsp_errors(path: Path) -> str:
    """Findings of severity error in an OCSP answer."""
    return _findings("lint_ocsp_response", "lint", path)


def _findings(command: str, *arguments: str | Path) -> str:
    done = run(_BIN / command, *arguments[:-1], "-s", "ERROR", arguments[-1])
    # The status is the number of findings, each in an indented line; what it cannot read it says on standard error.
    found = [line.strip() for line in done.stdout.splitlines() if line.startswith("    ")]
    assert done.returncode == len(found), done.stderr
    return "; ".join(line for line in found if _NO_DOTS not in line)

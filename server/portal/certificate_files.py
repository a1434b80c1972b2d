"""The files that a certificate can be had as, and what each is for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from protocols.cms.signed import certs_only
from server.web.languages import phrase

_PEM_CHAIN = "application/pem-certificate-chain"


class Form(msgspec.Struct, frozen=True):
    """One way to write a certificate down.

    Attributes:
        name: in the path.
        ending: of the file's name.
        label, purpose: English source texts.
    """

    name: str
    media_type: str
    ending: str
    label: str
    purpose: str


FORMS = (
    Form(
        "pem",
        "application/x-pem-file",
        ".pem",
        phrase("PEM"),
        phrase("The certificate alone, as text: for OpenSSL and most programs on Linux, and for mailing it."),
    ),
    Form(
        "der",
        "application/pkix-cert",
        ".cer",
        phrase("DER"),
        phrase("The certificate alone, in binary: opens by a double click on Windows and macOS, and for Java."),
    ),
    Form(
        "p7b",
        "application/x-pkcs7-certificates",
        ".p7b",
        phrase("P7B"),
        phrase("The certificate with its whole chain in one file (PKCS #7): for Windows, IIS and Java."),
    ),
    Form(
        "fullchain",
        _PEM_CHAIN,
        "-fullchain.pem",
        phrase("Full chain"),
        phrase("The certificate and those above it but the root, as text: for Apache, nginx and other servers."),
    ),
    Form(
        "chain",
        _PEM_CHAIN,
        "-chain.pem",
        phrase("Chain"),
        phrase("The authorities' certificates alone, up to the root, as text: for whoever is to trust yours."),
    ),
)
_BY_NAME = {form.name: form for form in FORMS}
_BODIES: Mapping[str, Callable[[Sequence[x509.Certificate]], bytes]] = {
    "pem": lambda chain: chain[0].public_bytes(Encoding.PEM),
    "der": lambda chain: chain[0].public_bytes(Encoding.DER),
    "p7b": certs_only,
    # A server sends no root: who does not have it does not trust it (RFC 8446, 4.4.2).
    "fullchain": lambda chain: _pem([one for one in chain if one.subject != one.issuer]),
    "chain": lambda chain: _pem(chain[1:]),
}


def form_named(name: str) -> Form | None:
    """The form of this name; None where there is none."""
    return _BY_NAME.get(name)


def written(form: Form, chain: Sequence[x509.Certificate]) -> bytes:
    """A certificate in a form.

    Args:
        chain: the certificate, what issued it, and so on up to the root.
    """
    return _BODIES[form.name](chain)


def _pem(certificates: Sequence[x509.Certificate]) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)

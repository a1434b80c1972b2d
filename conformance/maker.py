"""A maker of devices, as it is in nobody's house: its CAs, and the certificates that devices are made with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from asn1crypto import core, csr
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_START, _FOR_EVER = datetime(2025, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_HARDWARE_MODULE_NAME = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.4")
_CHANGE_SUBJECT_NAME = "1.3.6.1.5.5.7.7.36"
_ALTERNATIVE = b"\xa1"


class Maker:
    """A root and a CA below it that issues (IEEE 802.1AR)."""

    def __init__(self, name: str) -> None:
        self._root, self._issuing = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self._root_name, self._issuing_name = (_name(f"{name} {what}") for what in ("Root", "Issuing"))

    def cas(self) -> bytes:
        """Both CAs, in PEM."""
        root = _signed(self._root_name, self._root, self._root_name, self._root, is_ca=True)
        issuing = _signed(self._issuing_name, self._issuing, self._root_name, self._root, is_ca=True)
        return b"".join(one.public_bytes(Encoding.PEM) for one in (root, issuing))

    def device(self, folder: Path, number: str, *, hardware: bytes = b"") -> tuple[str | Path, ...]:
        """Make a device; returned are curl's options for the certificate that it was made with."""
        folder.mkdir()
        key, certificate_file, key_file = ec.generate_private_key(ec.SECP256R1()), folder / "pem", folder / "key"
        subject = x509.Name([*_name("Model 5"), x509.NameAttribute(NameOID.SERIAL_NUMBER, number)])
        # RFC 4108, 5: the type of hardware, here 1.2.3.4, and the number.
        content = bytes.fromhex("06032a0304") + bytes((4, len(hardware))) + hardware
        names = [x509.OtherName(_HARDWARE_MODULE_NAME, bytes((0x30, len(content))) + content)] if hardware else []
        certificate = _signed(subject, key, self._issuing_name, self._issuing, *names)
        certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return "--cert", certificate_file, "--key", key_file


def request_that_changes(certificate: Path, *names: str) -> bytes:
    """A request for other DNS names, with a new key: the certificate's own in it, and ChangeSubjectName beside them."""
    old, key = x509.load_pem_x509_certificate(certificate.read_bytes()), ec.generate_private_key(ec.SECP256R1())
    kept = old.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    builder = x509.CertificateSigningRequestBuilder(old.subject).add_extension(kept, critical=False)
    written = csr.CertificationRequest.load(builder.sign(key, SHA256()).public_bytes(Encoding.DER))
    info = written["certification_request_info"]
    san = x509.SubjectAlternativeName([x509.DNSName(name) for name in names]).public_bytes()
    change = core.Any.load(core.Sequence(contents=_ALTERNATIVE + san[1:]).dump())
    attribute = core.Sequence(
        contents=core.ObjectIdentifier(_CHANGE_SUBJECT_NAME).dump() + core.SetOf([change], spec=core.Any).dump()
    ).dump()
    parts = [info[field].dump() for field in ("version", "subject", "subject_pk_info")]
    attributes = core.Sequence(contents=b"".join(sorted([*(one.dump() for one in info["attributes"]), attribute])))
    # SET OF, [0] IMPLICIT (RFC 2986, 4.1): its content is what counts.
    signed = core.Sequence(contents=b"".join(parts) + b"\xa0" + attributes.dump()[1:]).dump()
    signature = core.BitString.load(b"\x03" + core.OctetString(b"\0" + key.sign(signed, ec.ECDSA(SHA256()))).dump()[1:])
    algorithm = written["signature_algorithm"].dump()
    return bytes(core.Sequence(contents=signed + algorithm + signature.dump()).dump())


def _name(text: str) -> x509.Name:
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Maker")
    return x509.Name([organization, x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _signed(  # who, and by whom
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    *names: x509.GeneralName,
    is_ca: bool = False,
) -> x509.Certificate:
    serial = x509.random_serial_number()
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), serial, _START, _FOR_EVER)
    builder = builder.add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, SHA256())

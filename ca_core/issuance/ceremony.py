"""The key ceremony: a root CA and the issuing CA below it, made together."""

from __future__ import annotations

import secrets
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from ca_core.clock import as_datetime
from ca_core.errors import Misconfigured
from ca_core.files import write_new
from ca_core.identity import new_serial
from ca_core.issuance.plan import key_identifier
from ca_core.policy.keys import spki_der
from ca_core.signing import software
from ca_core.signing.software import PrivateKey, PublicKey, generate, write_key

KeyKind = software.KeyKind

ROOT_KEY, ROOT_CERTIFICATE = "root.key", "root.pem"
ISSUING_KEY, ISSUING_CERTIFICATE = "issuing.key", "issuing.pem"

_SECONDS_PER_YEAR = 365 * 86_400
# Earlier than any certificate that is issued at once and backdated for slow clocks.
_BACKDATING_SECONDS = 3600
# Tells two homes apart in a browser's trust store: chains are built by name.
_SUFFIX_OCTETS = 4


class Authority(msgspec.Struct, frozen=True):
    """The certificates that a ceremony made; their keys are in `root.key` and `issuing.key` beside them."""

    root: x509.Certificate
    issuing: x509.Certificate


def make_authority(
    folder: Path,
    *,
    key_kind: KeyKind,
    passphrase: bytes,
    now: int,
    root_crl_url: str,
    root_ca_url: str,
    organization: str | None = None,
    root_years: int = 20,
    issuing_years: int = 10,
) -> Authority:
    """Make `root.key`, `root.pem`, `issuing.key` and `issuing.pem` in a folder, which is made if need be.

    The root allows one CA below it: an issuing CA fits and so does its successor, and cross-certificates of a
    new root do not count, being self-issued (RFC 5280, 4.2.1.9). The issuing CA allows none.

    Args:
        passphrase: encrypts both keys.
        now: UTC seconds.
        root_crl_url, root_ca_url: where the root's CRL and certificate will be had; they go into the issuing
            CA's certificate.

    Raises:
        Misconfigured: one of the files exists, or cannot be written.
    """
    paths = [folder / name for name in (ROOT_KEY, ROOT_CERTIFICATE, ISSUING_KEY, ISSUING_CERTIFICATE)]
    for path in paths:
        if path.exists():
            raise Misconfigured(f"{path} exists already and is not overwritten; choose another home")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    suffix = secrets.token_hex(_SUFFIX_OCTETS)
    root_key, issuing_key = generate(key_kind), generate(key_kind)
    root_name = _name(f"Soapstone Root CA {suffix}", organization)
    root = _root(root_name, root_key, now=now, years=root_years)
    builder = _builder(
        _name(f"Soapstone Issuing CA {suffix}", organization), issuing_key.public_key(), 0, now, issuing_years
    )
    issuing = _issuing(builder, root, root_key, root_crl_url=root_crl_url, root_ca_url=root_ca_url)
    write_key(folder / ROOT_KEY, root_key, passphrase)
    write_key(folder / ISSUING_KEY, issuing_key, passphrase)
    write_new(folder / ROOT_CERTIFICATE, root.public_bytes(Encoding.PEM), mode=0o644)
    write_new(folder / ISSUING_CERTIFICATE, issuing.public_bytes(Encoding.PEM), mode=0o644)
    return Authority(root=root, issuing=issuing)


def _root(name: x509.Name, key: PrivateKey, *, now: int, years: int) -> x509.Certificate:
    builder = _builder(name, key.public_key(), 1, now, years)
    return builder.issuer_name(name).sign(key, _digest(key))


def _issuing(
    builder: x509.CertificateBuilder,
    root: x509.Certificate,
    root_key: PrivateKey,
    *,
    root_crl_url: str,
    root_ca_url: str,
) -> x509.Certificate:
    crl = x509.DistributionPoint([x509.UniformResourceIdentifier(root_crl_url)], None, None, None)
    issuers = x509.AccessDescription(
        AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(root_ca_url)
    )
    authority_key = x509.AuthorityKeyIdentifier(_identifier(root_key.public_key()).digest, None, None)
    return (
        builder.issuer_name(root.subject)
        .add_extension(authority_key, critical=False)
        .add_extension(x509.CRLDistributionPoints([crl]), critical=False)
        .add_extension(x509.AuthorityInformationAccess([issuers]), critical=False)
        .sign(root_key, _digest(root_key))
    )


def _builder(
    name: x509.Name, public_key: PublicKey, levels_below: int, now: int, years: int
) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(public_key)
        .serial_number(new_serial())
        .not_valid_before(as_datetime(now - _BACKDATING_SECONDS))
        .not_valid_after(as_datetime(now + years * _SECONDS_PER_YEAR))
        .add_extension(x509.BasicConstraints(ca=True, path_length=levels_below), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(_identifier(public_key), critical=False)
    )


def _identifier(public_key: PublicKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier(key_identifier(spki_der(public_key)))


def _digest(key: PrivateKey) -> SHA256 | SHA384:
    is_p384 = isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP384R1)
    return SHA384() if is_p384 else SHA256()


def _name(common_name: str, organization: str | None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)

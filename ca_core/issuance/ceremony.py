"""The key ceremony: a root CA and the issuing CA below it, made together."""

from __future__ import annotations

import secrets
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ca_core import der
from ca_core.errors import Misconfigured
from ca_core.files import write_new
from ca_core.identity import new_serial
from ca_core.issuance.authorities import ISSUING, ROOT
from ca_core.issuance.ca_certificate import ISSUING_LEVELS, Signer, issued_tbs, root_tbs
from ca_core.issuance.chain import prove_chain
from ca_core.policy.keys import spki_der
from ca_core.signing import software
from ca_core.signing.software import PrivateKey, PublicKey, SoftwareKey, generate, write_key

KeyKind = software.KeyKind

ROOT_KEY, ROOT_CERTIFICATE = "root.key", "root.pem"
ISSUING_KEY, ISSUING_CERTIFICATE = "issuing.key", "issuing.pem"

ROOT_YEARS, ISSUING_YEARS = 20, 10

_SECONDS_PER_YEAR = 365 * 86_400
# Earlier than any certificate that is issued at once and backdated for slow clocks.
_BACKDATING_SECONDS = 3600
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
    issuing_public: PublicKey | None = None,
    organization: str | None = None,
) -> Authority:
    """Make `root.key`, `root.pem`, `issuing.key` and `issuing.pem` in a folder, which is made if need be.

    The root allows one CA below it: an issuing CA fits and so does its successor, and cross-certificates of a
    new root do not count, being self-issued (RFC 5280, 4.2.1.9). The issuing CA allows none.

    Args:
        passphrase: encrypts both keys.
        now: UTC seconds.
        root_crl_url, root_ca_url: where the root's CRL and certificate will be had; they go into the issuing
            CA's certificate.
        issuing_public: of an issuing CA whose key is elsewhere; there is no `issuing.key` then.

    Raises:
        Misconfigured: one of the files exists, or cannot be written.
    """
    paths = [folder / name for name in (ROOT_KEY, ROOT_CERTIFICATE, ISSUING_KEY, ISSUING_CERTIFICATE)]
    for path in paths:
        if path.exists():
            raise Misconfigured(f"{path} exists already and is not overwritten; choose another home")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    root_key = generate(key_kind)
    issuing_key: PrivateKey | None = None
    if issuing_public is None:
        issuing_key = generate(key_kind)
        issuing_public = issuing_key.public_key()
    signing = SoftwareKey(root_key)
    suffix, spki = new_suffix(), spki_der(root_key.public_key())
    name = ca_name(f"Soapstone Root CA {suffix}", organization)
    signer = Signer(name, spki, signing.algorithm, root_crl_url, root_ca_url)
    issuing_tbs = issued_tbs(
        signer,
        subject_der=ca_name(f"Soapstone Issuing CA {suffix}", organization),
        spki=spki_der(issuing_public),
        serial=new_serial(),
        validity=validity(now, ISSUING_YEARS),
        levels_below=ISSUING_LEVELS,
    )
    root, issuing = (
        x509.load_der_x509_certificate(der.assemble(tbs, signing.algorithm, signing.sign_at_once(tbs)))
        for tbs in (root_tbs(signer, serial=new_serial(), validity=validity(now, ROOT_YEARS)), issuing_tbs)
    )
    prove_chain([(ISSUING, issuing), (ROOT, root)], now=now)
    write_key(folder / ROOT_KEY, root_key, passphrase)
    if issuing_key is not None:
        write_key(folder / ISSUING_KEY, issuing_key, passphrase)
    write_new(folder / ROOT_CERTIFICATE, root.public_bytes(Encoding.PEM), mode=0o644)
    write_new(folder / ISSUING_CERTIFICATE, issuing.public_bytes(Encoding.PEM), mode=0o644)
    return Authority(root=root, issuing=issuing)


def validity(now: int, years: int) -> tuple[int, int]:
    """NotBefore and notAfter of a CA's certificate, UTC seconds."""
    return now - _BACKDATING_SECONDS, now + years * _SECONDS_PER_YEAR


def ca_name(common_name: str, organization: str | None) -> bytes:
    """A CA's name, in DER."""
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes).public_bytes()


def new_suffix() -> str:
    """What tells two homes' CAs apart in a browser's trust store: chains are built by name."""
    return secrets.token_hex(_SUFFIX_OCTETS)

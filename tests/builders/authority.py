"""Authorities as the key ceremony makes them, and certificates signed by them."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core import der
from ca_core.identity import new_serial
from ca_core.issuance import ceremony
from ca_core.issuance.chain import IssuerCertificate, issuer_certificate
from ca_core.issuance.plan import Plan, tbs_certificate
from ca_core.names import Identifier
from ca_core.policy.profile import Profile
from ca_core.policy.subject import subject_der
from ca_core.signing.key import SigningKey, open_key
from ca_core.signing.software import KeyKind
from tests.builders.csr import SUBJECT, Key, ec_key, spki

NOW = 1_800_000_000
PASSPHRASE = b"correct horse battery staple"
CRL_URL = "http://ca.example/crl/issuing.crl"
CA_URL = "http://ca.example/ca/issuing.cer"
OCSP_URL = "http://ca.example/ocsp"


class House:
    """One authority in a folder of its own: certificates, the issuing key, and the issuer for `plan`."""

    def __init__(self, kind: KeyKind) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="authority-")
        self.folder = Path(self._folder.name) / "authority"
        self.authority = make(self.folder, kind)
        self.issuer: IssuerCertificate = issuer_certificate(
            "issuing", self.authority.issuing, crl_url=CRL_URL, ca_url=CA_URL, ocsp_url=OCSP_URL
        )
        self.key: SigningKey = open_key("file:issuing.key", PASSPHRASE, self.folder)

    def plan(
        self,
        profile: Profile,
        names: frozenset[Identifier],
        *,
        key: Key | None = None,
        subject: bytes | None = None,
        now: int = NOW,
        crl_url: str | None = None,
    ) -> Plan:
        return tbs_certificate(
            issuer=self.issuer,
            algorithm=self.key.algorithm,
            profile=profile,
            subject_der=subject_der(SUBJECT) if subject is None else subject,
            names=names,
            spki=spki(key or ec_key()),
            serial=new_serial(),
            now=now,
            crl_url=crl_url,
        )

    async def signed(self, tbs: bytes) -> bytes:
        return der.assemble(tbs, self.key.algorithm, await self.key.sign(tbs))


def make(folder: Path, kind: KeyKind = "ec-p256", *, organization: str | None = None) -> ceremony.Authority:
    return ceremony.make_authority(
        folder,
        key_kind=kind,
        passphrase=PASSPHRASE,
        now=NOW,
        root_crl_url="http://ca.example/crl/root.crl",
        root_ca_url="http://ca.example/ca/root.cer",
        organization=organization,
    )


@cache
def house(kind: KeyKind = "ec-p256") -> House:
    return House(kind)


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)

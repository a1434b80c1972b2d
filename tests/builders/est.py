"""A house with EST's door, and what its clients send: real keys, real requests, a real database."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import AttributeOID

from ca_core.errors import NotFound
from ca_core.issuance.ceremony import Authority
from ca_core.made_keys.desk import KeyDesk
from ca_core.names import Identifier, Kind
from ca_core.on_file import OnFile
from ca_core.policy.profile import BUILT_IN, MESSAGE_SIGNER, Profile
from ca_core.registration.account import Grant
from ca_core.registration.desk import Desk, Form
from ca_core.registration.sheet import Sheet
from ca_core.revocation.delegate import Delegates
from ca_core.revocation.desk import RevocationDesk
from protocols.est.dialogue import EstDialogue
from protocols.est.labels import Label, Wire
from protocols.est.services import EstServices
from protocols.wire import Peer, Reply, Request
from tests.builders.clock import SettableClock
from tests.builders.core import Core, core
from tests.builders.csr import attribute, extension_request, raw_csr
from tests.builders.delegates import delegates

DAY = 86_400
CLIENT = Peer("192.0.2.7")
HELP_BASE = "https://ca.example"
LABELS = {"device": Label(), "tls-server": Label(wire=Wire.RFC), "signing": Label(wire=Wire.SINGLE_LINE)}

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class House:
    """The core with EST in front of it."""

    core: Core
    est: EstDialogue
    signers: Delegates

    @property
    def clock(self) -> SettableClock:
        return self.core.clock

    @property
    def authority(self) -> Authority:
        return self.core.authority

    @property
    def desk(self) -> Desk:
        return self.core.desk

    @property
    def revocations(self) -> RevocationDesk:
        return self.core.revocations

    async def device(self, *names: str, uses: int | None = 1) -> Sheet:
        """Register a device that may have these DNS names, and no other."""
        grants = tuple(Grant(Identifier(Kind.DNS, name)) for name in names)
        form = Form("device", "CN=meter-7,O=Example,C=TW", uses=uses, grants=grants)
        return (await self.desk.register(form, actor="test"))[1]

    async def count(self) -> int:
        """How many certificates there are."""
        return len(await self.core.certificates())


@asynccontextmanager
async def house(
    folder: Path,
    profiles: Mapping[str, Profile] = BUILT_IN,
    labels: Mapping[str, Label] = LABELS,
    manufacturers: Mapping[str, Sequence[x509.Certificate]] | None = None,
) -> AsyncIterator[House]:
    async with core(folder, profiles) as opened:
        signers = delegates(opened, folder, profile=MESSAGE_SIGNER, prefix="messages")
        offered = replace(services(opened, labels, signers), manufacturers=manufacturers or {})
        yield House(opened, EstDialogue(offered), signers)


def services(opened: Core, labels: Mapping[str, Label], signers: Delegates) -> EstServices:
    """What EST needs of a core."""
    chain = (opened.authority.issuing, opened.authority.root)
    return EstServices(
        sign_in=opened.sign_in,
        enrollment=opened.enrollment,
        ca_certificates=lambda: chain,
        labels=labels,
        keys=KeyDesk(opened.database, opened.clock, opened.enrollment, opened.gate),
        decryption_keys=opened.decryption_keys,
        signer_of=signers.of,
        crls=lambda: crls_of(opened),
        on_file=OnFile(opened.database, opened.clock, opened.enrollment),
        help_base=HELP_BASE,
        tells_renewal=True,
    )


async def crls_of(opened: Core) -> list[bytes]:
    """The one CA's newest CRL, once it has published one."""
    try:
        return [(await opened.publisher.newest("issuing")).der]
    except NotFound:
        return []


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Csr:
    """A certification request in the making."""

    key: PrivateKey = field(default_factory=new_key)
    subject: x509.Name = x509.Name.from_rfc4514_string("CN=whatever")  # noqa: RUF009  # a value, and frozen
    names: Sequence[str] = ()
    challenge: bytes | None = None
    is_ca: bool = False
    extensions: Sequence[x509.ExtensionType] = ()
    attributes: Sequence[tuple[x509.ObjectIdentifier, bytes]] = ()

    def der(self) -> bytes:
        if self.attributes:
            return self._with_attributes()
        builder = x509.CertificateSigningRequestBuilder(self.subject)
        if self.names:
            san = x509.SubjectAlternativeName([x509.DNSName(name) for name in self.names])
            builder = builder.add_extension(san, critical=False)
        if self.is_ca:
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        for extension in self.extensions:
            builder = builder.add_extension(extension, critical=False)
        if self.challenge is not None:
            builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, self.challenge)
        return builder.sign(self.key, SHA256()).public_bytes(Encoding.DER)

    def _with_attributes(self) -> bytes:
        """With attributes that are no strings; for P-256 keys."""
        assert isinstance(self.key, ec.EllipticCurvePrivateKey)
        san = x509.SubjectAlternativeName([x509.DNSName(name) for name in self.names])
        written = [attribute(oid, value) for oid, value in self.attributes]
        if self.names:
            written.append(extension_request(san))
        return raw_csr(written, subject_der=self.subject.public_bytes(), key=self.key)

    def body(self) -> bytes:
        return base64.encodebytes(self.der())


def basic(account: str, code: str) -> str:
    return "Basic " + base64.b64encode(f"{account}:{code}".encode()).decode()


def sheet_basic(sheet: Sheet) -> str:
    assert sheet.enrollment_code is not None
    return basic(sheet.account, sheet.enrollment_code.reveal())


def post(
    operation: str,
    body: bytes,
    *,
    authorization: str | None = None,
    peer: Peer = CLIENT,
    media_type: str = "application/pkcs10",
) -> Request:
    """A POST to `/.well-known/est/OPERATION`; an operation may start with a label."""
    headers = {"content-type": media_type, "user-agent": "test", "accept": "*/*"}
    if authorization is not None:
        headers["authorization"] = authorization
    return Request("POST", f"/.well-known/est/{operation}", headers, body, peer)


def showing(certificate: x509.Certificate) -> Peer:
    """A peer whose TLS handshake proved the key of a certificate."""
    return Peer(CLIENT.address, certificate=certificate.public_bytes(Encoding.DER))


def certificates_in(reply: Reply) -> list[x509.Certificate]:
    assert reply.status == 200, reply
    return pkcs7.load_der_pkcs7_certificates(base64.b64decode(reply.body))


def certificate_in(reply: Reply) -> x509.Certificate:
    (certificate,) = certificates_in(reply)
    return certificate


class Part(NamedTuple):
    """One part of a reply that has several."""

    content_type: str
    encoding: str
    content: bytes


def parts_of(reply: Reply) -> list[Part]:
    """What a mail reader finds in a reply of several parts."""
    assert reply.status == 200, reply
    head = f"Content-Type: {header(reply, 'Content-Type')}\r\n\r\n".encode()
    found = []
    for part in message_from_bytes(head + reply.body).walk():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            found.append(Part(part["Content-Type"], part["Content-Transfer-Encoding"], content))
    return found


def header(reply: Reply, name: str) -> str | None:
    """The one value of a header, or None; twice is a fault."""
    values = [value for key, value in reply.headers if key == name]
    assert len(values) <= 1
    return values[0] if values else None

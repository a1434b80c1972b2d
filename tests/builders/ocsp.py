"""OCSP: requests as clients make them, and a responder over the real core."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509 import ocsp
from cryptography.x509.oid import ObjectIdentifier, OCSPExtensionOID

from ca_core import der
from ca_core.applicant import Door
from ca_core.policy.keys import spki_der
from ca_core.policy.request import parse
from ca_core.revocation.delegate import Delegates
from ca_core.revocation.responder import Responder
from protocols.status.responding import OcspDialogue
from tests.builders.core import Core
from tests.builders.delegates import delegates
from tests.builders.est import Csr
from tests.builders.linted import ocsp_errors

LIFETIME_SECONDS = 86_400
SHA1_OID = ObjectIdentifier("1.3.14.3.2.26")
HASHES = {
    SHA1_OID: "sha1",
    ObjectIdentifier("2.16.840.1.101.3.4.2.1"): "sha256",
    ObjectIdentifier("2.16.840.1.101.3.4.2.2"): "sha384",
    ObjectIdentifier("2.16.840.1.101.3.4.2.3"): "sha512",
}


@dataclass(frozen=True)
class Answering:
    """What answers OCSP clients."""

    delegates: Delegates
    responder: Responder
    dialogue: OcspDialogue

    async def turn(self) -> None:
        """A turn of each of its workers."""
        await self.delegates.turn()
        await self.responder.turn()


def answering(core: Core, folder: Path) -> Answering:
    """A responder over a core; it answers after its first turn."""
    certified = delegates(core, folder)
    responder = Responder(core.database, core.clock, certified, lifetime_seconds=LIFETIME_SECONDS)
    return Answering(certified, responder, OcspDialogue(responder, core.clock))


async def issued(core: Core, account: str = "acc") -> int:
    """Issue a certificate; returns its serial."""
    sheet = await core.register(account, kind="device")
    assert sheet.enrollment_code is not None
    who = await core.sign_in.by_enrollment_code(account, sheet.enrollment_code, source="x", door=Door.EST)
    return int((await core.enroll(who, parse(Csr().der()))).serial, 16)


def cert_id(
    serial: int,
    issuer: x509.Certificate | None = None,
    *,
    algorithm: ObjectIdentifier = SHA1_OID,
    parameters: bytes = b"\5\0",
) -> bytes:
    """A CertID; of an issuer that nobody knows where none is given."""
    name, key = (issuer.subject.public_bytes(), key_of(issuer)) if issuer else (b"nobody", b"nothing")
    digest = HASHES.get(algorithm, "sha1")
    return der.sequence(
        der.sequence(asn1.encode_der(algorithm), parameters),
        asn1.encode_der(hashlib.new(digest, name).digest()),
        asn1.encode_der(hashlib.new(digest, key).digest()),
        asn1.encode_der(serial),
    )


def key_of(certificate: x509.Certificate) -> bytes:
    """What is hashed of an issuer's key."""
    return der.key_bits(spki_der(certificate.public_key()))


def asking(
    *cert_ids: bytes,
    nonce: bytes | None = None,
    extensions: tuple[der.Extension, ...] = (),
    single_extensions: tuple[der.Extension, ...] = (),
    version: bytes = b"",
    requestor: bytes = b"",
    signature: bytes = b"",
) -> bytes:
    """An OCSPRequest; about one certificate of nobody where none is given."""
    if nonce is not None:
        extensions = (*extensions, extension(OCSPExtensionOID.NONCE, asn1.encode_der(nonce)))
    singles = tagged(0xA0, der.sequence(*map(asn1.encode_der, single_extensions))) if single_extensions else b""
    requests = der.sequence(*(der.sequence(one, singles) for one in cert_ids or (cert_id(1),)))
    shown = tagged(0xA2, der.sequence(*map(asn1.encode_der, extensions))) if extensions else b""
    return der.sequence(der.sequence(version, requestor, requests, shown), signature)


def extension(oid: ObjectIdentifier, value: bytes, *, critical: bool = False) -> der.Extension:
    return der.Extension(extn_id=oid, critical=critical, extn_value=value)


def tagged(tag: int, content: bytes) -> bytes:
    return der.header(tag, len(content)) + content


def opened(body: bytes) -> ocsp.OCSPResponse:
    """Read an answer as others do; one that says something is without a finding of pkilint's."""
    answer = ocsp.load_der_ocsp_response(body)
    if answer.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL:
        assert ocsp_errors(body) == []
    return answer

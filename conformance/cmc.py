"""A small client of full CMC (RFC 5272), written with asn1crypto and on its own: nothing of the server's is used."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from asn1crypto import algos, cms, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PKI_DATA = "1.3.6.1.5.5.7.12.2"
PKI_RESPONSE = "1.3.6.1.5.5.7.12.3"
CONTROLS = "1.3.6.1.5.5.7.7"
SEQUENCE, SHORT = 0x30, 0x80
SUCCESS, FAILED, PENDING, NO_SUPPORT = 0, 2, 3, 4


class BodyParts(core.SequenceOf):  # type: ignore[misc]  # asn1crypto has no types
    _child_spec = core.Integer


class Values(core.SetOf):  # type: ignore[misc]  # as above
    _child_spec = core.Any


class Control(core.Sequence):  # type: ignore[misc]  # as above
    _fields: ClassVar = [("number", core.Integer), ("kind", core.ObjectIdentifier), ("values", Values)]


class Controls(core.SequenceOf):  # type: ignore[misc]  # as above
    _child_spec = Control


class Anything(core.SequenceOf):  # type: ignore[misc]  # as above
    _child_spec = core.Any


class PkiResponse(core.Sequence):  # type: ignore[misc]  # as above
    _fields: ClassVar = [("controls", Controls), ("cms", Anything), ("others", Anything)]


class Reason(core.Enumerated):  # type: ignore[misc]  # as above
    _map: ClassVar = {number: str(number) for number in range(11)}


class RevokeRequest(core.Sequence):  # type: ignore[misc]  # as above
    _fields: ClassVar = [
        ("issuer", asn1_x509.Name),
        ("serial", core.Integer),
        ("reason", Reason),
        ("invalidity_date", core.GeneralizedTime, {"optional": True}),
        ("passphrase", core.OctetString, {"optional": True}),
        ("comment", core.UTF8String, {"optional": True}),
    ]


class IdentityProof(core.Sequence):  # type: ignore[misc]  # as above
    _fields: ClassVar = [
        ("hash", algos.AlgorithmIdentifier),
        ("mac", algos.AlgorithmIdentifier),
        ("witness", core.OctetString),
    ]


class PendInfo(core.Sequence):  # type: ignore[misc]  # as above
    _fields: ClassVar = [("token", core.OctetString), ("time", core.GeneralizedTime)]


class StatusInfo(core.Sequence):  # type: ignore[misc]  # as above
    _fields: ClassVar = [
        ("status", core.Integer),
        ("body", BodyParts),
        ("text", core.UTF8String, {"optional": True}),
        ("fail", core.Integer, {"optional": True}),
        ("pend", PendInfo, {"optional": True}),
    ]


@dataclass(frozen=True)
class Told:
    """What an answer says of one body part."""

    status: int
    text: str | None
    fail: int | None
    token: bytes | None
    when: datetime | None


@dataclass(frozen=True)
class Response:
    """An answer, read; its signature is for openssl to check."""

    told: Mapping[int, Told]
    controls: Mapping[str, Any]
    certificates: Sequence[x509.Certificate]

    @property
    def only(self) -> Told:
        (told,) = self.told.values()
        return told

    def issued_to(self, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        (found,) = [one for one in self.certificates if one.public_key() == key.public_key()]
        return found


@dataclass(frozen=True)
class Template:
    """A certification request by CRMF (RFC 4211) in the making.

    Attributes:
        extensions: in the template.
        controls: of the CertRequest: identifiers, and values in DER.
        registration: regInfo, which CMC forbids, in DER.
        possession: instead of a signature, in DER; empty leaves the proof out.
        more: further fields of the template, in DER.
    """

    key: ec.EllipticCurvePrivateKey
    subject: x509.Name | None = field(default_factory=lambda: x509.Name([]))
    extensions: Sequence[x509.ExtensionType] = ()
    controls: Sequence[tuple[str, bytes]] = ()
    registration: bytes = b""
    possession: bytes | None = None
    more: bytes = b""

    def parts(self, number: int) -> tuple[bytes, ...]:
        """What is in a CertReqMsg: the CertRequest, its proof of possession, and regInfo."""
        spki = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        subject = b"" if self.subject is None else element(0xA5, self.subject.public_bytes())
        listed = [
            element(
                SEQUENCE,
                core.ObjectIdentifier(one.oid.dotted_string).dump(),
                core.OctetString(one.public_bytes()).dump(),
            )
            for one in self.extensions
        ]
        extensions = element(0xA9, *listed) if listed else b""
        public_key = element(0xA6, core.Sequence.load(spki).contents)
        template = element(SEQUENCE, self.more, subject, public_key, extensions)
        pairs = [element(SEQUENCE, core.ObjectIdentifier(kind).dump(), value) for kind, value in self.controls]
        controls = element(SEQUENCE, *pairs) if pairs else b""
        request = element(SEQUENCE, core.Integer(number).dump(), template, controls)
        return request, self.signed(request) if self.possession is None else self.possession, self.registration

    def signed(self, request: bytes) -> bytes:
        """POPOSigningKey over the CertRequest."""
        algorithm = element(SEQUENCE, core.ObjectIdentifier("1.2.840.10045.4.3.2").dump())
        signature = self.key.sign(request, ec.ECDSA(SHA256()))
        return element(0xA1, algorithm, core.OctetBitString(signature).dump())

    def der(self, number: int = 1) -> bytes:
        """The CertReqMsg by itself."""
        return element(SEQUENCE, *self.parts(number))


@dataclass
class Ask:
    """A PKIData in the making; body parts are numbered as they come."""

    controls: list[Control] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)

    def control(self, number: int, value: Any) -> Ask:
        """Add a control by the last number of its identifier."""
        kind = f"{CONTROLS}.{number}"
        self.controls.append(Control({"number": self._next, "kind": kind, "values": [value]}))
        return self

    def certificate(self, csr: bytes) -> Ask:
        """Ask for a certificate by PKCS #10."""
        self.requests.append(element(0xA0, core.Integer(self._next).dump(), csr))
        return self

    def template(self, template: Template) -> Ask:
        """Ask for a certificate by CRMF."""
        self.requests.append(element(0xA1, *template.parts(self._next)))
        return self

    def revocation(
        self,
        certificate: x509.Certificate,
        reason: int,
        *,
        passphrase: str | None = None,
        since: datetime | None = None,
    ) -> Ask:
        asked = {
            "issuer": asn1_x509.Name.load(certificate.issuer.public_bytes()),
            "serial": certificate.serial_number,
            "reason": str(reason),
        }
        if since is not None:
            asked["invalidity_date"] = since
        if passphrase is not None:
            asked["passphrase"] = passphrase.encode()
        return self.control(17, RevokeRequest(asked))

    def proof(self, account: str, code: str) -> Ask:
        """Identification and identity proof over the requests that were added before."""
        self.identification(account)
        return self.control(34, secret_proof(code + account, element(SEQUENCE, *self.requests)))

    def identification(self, account: str) -> Ask:
        return self.control(2, core.UTF8String(account))

    def query(self, token: bytes) -> Ask:
        """Ask what became of something that was pending."""
        return self.control(21, core.OctetString(token))

    def transaction(self, number: int, nonce: bytes) -> Ask:
        return self.control(5, core.Integer(number)).control(6, core.OctetString(nonce))

    def der(self) -> bytes:
        nothing = element(SEQUENCE)
        return element(SEQUENCE, Controls(self.controls).dump(), element(SEQUENCE, *self.requests), nothing, nothing)

    @property
    def _next(self) -> int:
        return 1 + len(self.controls) + len(self.requests)


def secret_proof(secret: str, over: bytes) -> IdentityProof:
    """An IdentityProofV2 or a PopLinkWitnessV2: SHA-256 makes the key, HMAC with SHA-256 the proof."""
    witness = hmac.digest(hashlib.sha256(secret.encode()).digest(), over, "sha256")
    identifiers = [{"algorithm": "2.16.840.1.101.3.4.2.1"}, {"algorithm": "1.2.840.113549.2.9"}]
    return IdentityProof({"hash": identifiers[0], "mac": identifiers[1], "witness": witness})


def element(tag: int, *parts: bytes) -> bytes:
    """One element in DER around others."""
    length = sum(map(len, parts))
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    size = bytes((length,)) if length < SHORT else bytes((SHORT | len(octets),)) + octets
    return b"".join((bytes((tag,)), size, *parts))


def message(
    content: bytes,
    key: ec.EllipticCurvePrivateKey | None,
    certificate: x509.Certificate | None = None,
    *,
    signed_at: datetime | cms.Time | None = None,
    content_type: str = PKI_DATA,
) -> bytes:
    """Sign a content: by a certificate, or by a bare key, which is named by its identifier; or not at all."""
    certificates = [] if certificate is None else [_certificate(certificate)]
    signers = [] if key is None else [_signer(content, key, certificate, signed_at, content_type)]
    signed = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [{"algorithm": "sha256"}],
            "encap_content_info": {"content_type": content_type, "content": content},
            "certificates": certificates,
            "signer_infos": signers,
        }
    )
    dumped: bytes = cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump()
    return dumped


def _signer(
    content: bytes,
    key: ec.EllipticCurvePrivateKey,
    certificate: x509.Certificate | None,
    signed_at: datetime | cms.Time | None,
    content_type: str,
) -> cms.SignerInfo:
    stated = [
        {"type": "content_type", "values": [content_type]},
        {"type": "message_digest", "values": [hashlib.sha256(content).digest()]},
    ]
    if signed_at is not None:
        time = cms.Time({"utc_time": signed_at}) if isinstance(signed_at, datetime) else signed_at
        stated.append({"type": "signing_time", "values": [time]})
    attributes = cms.CMSAttributes(stated)
    if certificate is None:
        key_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest
        named = cms.SignerIdentifier("subject_key_identifier", core.OctetString(key_id))
    else:
        asn1 = _certificate(certificate)
        both = cms.IssuerAndSerialNumber({"issuer": asn1.issuer, "serial_number": asn1.serial_number})
        named = cms.SignerIdentifier("issuer_and_serial_number", both)
    return cms.SignerInfo(
        {
            "version": "v3" if certificate is None else "v1",
            "sid": named,
            "digest_algorithm": {"algorithm": "sha256"},
            "signed_attrs": attributes,
            "signature_algorithm": {"algorithm": "sha256_ecdsa"},
            "signature": key.sign(attributes.dump(), ec.ECDSA(SHA256())),
        }
    )


def read(der: bytes) -> Response:
    """Read an answer."""
    signed = cms.ContentInfo.load(der)["content"]
    assert signed["encap_content_info"]["content_type"].native == PKI_RESPONSE
    response = PkiResponse.load(signed["encap_content_info"]["content"].native)
    told: dict[int, Told] = {}
    controls: dict[str, Any] = {}
    for control in response["controls"]:
        (value,) = control["values"]
        number = control["kind"].dotted.rpartition(".")[2]
        if number == "25":
            info = value.parse(StatusInfo)
            token = info["pend"]["token"].native if info["pend"].native is not None else None
            when = info["pend"]["time"].native if token is not None else None
            said = Told(info["status"].native, info["text"].native, info["fail"].native, token, when)
            told |= dict.fromkeys(info["body"].native, said)
        else:
            controls[number] = value.parse().native
    certificates = [x509.load_der_x509_certificate(one.chosen.dump()) for one in signed["certificates"]]
    return Response(told, controls, certificates)


def _certificate(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))

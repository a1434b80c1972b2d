"""The declarations of full PKI requests and responses (RFC 5272, 3.2, 4 and 6), in DER."""

from __future__ import annotations

from cryptography.hazmat import asn1
from cryptography.x509.oid import ObjectIdentifier

PKI_DATA = ObjectIdentifier("1.3.6.1.5.5.7.12.2")
PKI_RESPONSE = ObjectIdentifier("1.3.6.1.5.5.7.12.3")

STATUS_INFO = ObjectIdentifier("1.3.6.1.5.5.7.7.1")
IDENTIFICATION = ObjectIdentifier("1.3.6.1.5.5.7.7.2")
IDENTITY_PROOF = ObjectIdentifier("1.3.6.1.5.5.7.7.3")
DATA_RETURN = ObjectIdentifier("1.3.6.1.5.5.7.7.4")
TRANSACTION_ID = ObjectIdentifier("1.3.6.1.5.5.7.7.5")
SENDER_NONCE = ObjectIdentifier("1.3.6.1.5.5.7.7.6")
RECIPIENT_NONCE = ObjectIdentifier("1.3.6.1.5.5.7.7.7")
RA_POP_WITNESS = ObjectIdentifier("1.3.6.1.5.5.7.7.11")
REVOKE_REQUEST = ObjectIdentifier("1.3.6.1.5.5.7.7.17")
REG_INFO = ObjectIdentifier("1.3.6.1.5.5.7.7.18")
QUERY_PENDING = ObjectIdentifier("1.3.6.1.5.5.7.7.21")
POP_LINK_RANDOM = ObjectIdentifier("1.3.6.1.5.5.7.7.22")
POP_LINK_WITNESS = ObjectIdentifier("1.3.6.1.5.5.7.7.23")
CONFIRM_ACCEPTANCE = ObjectIdentifier("1.3.6.1.5.5.7.7.24")
STATUS_INFO_V2 = ObjectIdentifier("1.3.6.1.5.5.7.7.25")
POP_LINK_WITNESS_V2 = ObjectIdentifier("1.3.6.1.5.5.7.7.33")
# RFC 6402, A.2 has these two the other way round; its normative module, A.1, and RFC 5272 have them so.
IDENTITY_PROOF_V2 = ObjectIdentifier("1.3.6.1.5.5.7.7.34")


@asn1.sequence
class TaggedAttribute:
    """A control."""

    body_part_id: int
    type: ObjectIdentifier
    values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class TaggedContentInfo:
    """A message inside the message."""

    body_part_id: int
    content: asn1.TLV


@asn1.sequence
class OtherMessage:
    """Something else inside the message."""

    body_part_id: int
    type: ObjectIdentifier
    value: asn1.TLV


@asn1.sequence
class PkiData:
    """A full PKI request, in it the TaggedRequests as they came."""

    controls: list[TaggedAttribute]
    requests: list[asn1.TLV]
    cms: list[TaggedContentInfo]
    others: list[OtherMessage]


@asn1.sequence
class TaggedCertificationRequest:
    """A PKCS #10 request; in PKIData its tag is [0]."""

    body_part_id: int
    request: asn1.TLV


@asn1.sequence
class OtherRequest:
    """A request that is defined elsewhere; in PKIData its tag is [2]."""

    body_part_id: int
    type: ObjectIdentifier
    value: asn1.TLV


@asn1.sequence
class RevokeRequest:
    """Which certificate is to be revoked, and why (RFC 5272, 6.11)."""

    issuer: asn1.TLV
    serial: int
    reason: asn1.TLV
    invalidity_date: asn1.GeneralizedTime | None
    passphrase: bytes | None
    comment: str | None


@asn1.sequence
class CertId:
    """Which certificate is meant (RFC 5272, 6.14)."""

    issuer: asn1.TLV
    serial: int


@asn1.sequence
class SecretProof:
    """An IdentityProofV2 or a PopLinkWitnessV2: that somebody knows a secret (RFC 5272, 6.2.1 and 6.3.1.1)."""

    hash_algorithm: asn1.TLV
    mac_algorithm: asn1.TLV
    witness: bytes


@asn1.sequence
class PendInfo:
    """How to ask again, and when."""

    token: bytes
    time: asn1.GeneralizedTime


@asn1.sequence
class StatusInfoV2:
    """What became of some body parts (RFC 5272, 6.1.1); of the last two fields one at most is there."""

    status: int
    body_list: list[int]
    text: str | None
    fail_info: int | None
    pend_info: PendInfo | None


@asn1.sequence
class PkiResponse:
    """A full PKI response."""

    controls: list[TaggedAttribute]
    cms: list[asn1.TLV]
    others: list[asn1.TLV]

"""Full PKI requests: the content of a signed message in, a value that cannot be half valid out (RFC 5272, 3.2 and 6).

One level only: what is wrapped inside, or sent as other messages, is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from cryptography.hazmat import asn1
from cryptography.x509.oid import ObjectIdentifier

from ca_core import der as encoding
from ca_core.secret import Secret
from protocols.cmc.errors import UnreadableRequest, UnsupportedPart
from protocols.cmc.identity_proof import IdentityProof, read_proof
from protocols.cmc.structures import (
    DATA_RETURN,
    IDENTIFICATION,
    IDENTITY_PROOF_V2,
    PKI_DATA,
    QUERY_PENDING,
    REVOKE_REQUEST,
    SENDER_NONCE,
    TRANSACTION_ID,
    PkiData,
    RevokeRequest,
    TaggedAttribute,
    TaggedCertificationRequest,
)

MOST_PARTS = 10
"""How many requests, revocations and queries there may be together."""
MAX_NONCE_OCTETS = 64
MAX_TRANSACTION_BITS = 512
MAX_IDENTIFICATION = 256

_LAST_BODY_PART = 4_294_967_295
_SINGLE = (DATA_RETURN, IDENTIFICATION, IDENTITY_PROOF_V2, SENDER_NONCE, TRANSACTION_ID)
_PKCS_10, _CRMF = 0xA0, 0xA1
_SEQUENCE_TAG = bytes((encoding.SEQUENCE,))
_ENUMERATED = b"\x0a"
_UNREADABLE = "the content cannot be read; it must be DER of a PKIData (RFC 5272, 3.2.1)"


class Certification(msgspec.Struct, frozen=True):
    """A certificate is wanted.

    Attributes:
        der: of the PKCS #10 request, still to be read.
    """

    body_part: int
    der: bytes


class Revocation(msgspec.Struct, frozen=True):
    """A certificate is to be revoked.

    Attributes:
        issuer_der: the issuer's Name.
        reason: the number of the CRLReason, whatever it is.
        invalid_since: UTC seconds; None where nobody says.
        secret: the shared secret that proves who asks; None where a signature does.
    """

    body_part: int
    issuer_der: bytes
    serial: int
    reason: int
    invalid_since: int | None
    secret: Secret | None


class Query(msgspec.Struct, frozen=True):
    """What became of something that was pending?"""

    body_part: int
    token: bytes


Part = Certification | Revocation | Query


class Echo(msgspec.Struct, frozen=True):
    """What the answer repeats, so that it can be told to which request it belongs."""

    transaction_id: int | None = None
    sender_nonce: bytes | None = None
    data_return: bytes | None = None


NO_ECHO = Echo()


class FullRequest(msgspec.Struct, frozen=True):
    """What a PKIData asks for.

    Attributes:
        request_sequence: its reqSequence byte for byte: what an identity proof is about.
        account: the identification; None where there is none.
    """

    parts: tuple[Part, ...]
    request_sequence: bytes
    echo: Echo
    account: str | None
    proof: IdentityProof | None

    @property
    def certifications(self) -> tuple[Certification, ...]:
        """The parts that want certificates."""
        return tuple(part for part in self.parts if isinstance(part, Certification))

    @property
    def revocations(self) -> tuple[Revocation, ...]:
        """The parts that revoke."""
        return tuple(part for part in self.parts if isinstance(part, Revocation))

    @property
    def only_revokes(self) -> bool:
        """Whether nothing else is asked for."""
        return len(self.revocations) == len(self.parts)


def read(content_type: ObjectIdentifier, content: bytes) -> FullRequest:
    """Read the content of a signed message; nothing in it is proved yet.

    Raises:
        UnreadableRequest: no PKIData; identifiers that are not unique, a control twice, nothing asked for, or too much.
        UnsupportedPart: a control or a kind of request that is not served.
        UnknownAlgorithm: an identity proof by algorithms off the list.
    """
    if content_type != PKI_DATA:
        raise UnreadableRequest("the content of the message must be a PKIData (RFC 5272, 3.2.1)")
    try:
        return _parsed(asn1.decode_der(PkiData, content))
    except (ValueError, TypeError):
        raise UnreadableRequest(_UNREADABLE) from None


def _parsed(data: PkiData) -> FullRequest:
    if data.cms or data.others:
        raise UnsupportedPart("messages inside the request are not served; send each by itself", body_part=0)
    certifications = [_certification(asn1.encode_der(request)) for request in data.requests]
    singles = _singles(data.controls)
    parts = (*certifications, *_several(data.controls))
    _require_unique([*(part.body_part for part in certifications), *(one.body_part_id for one in data.controls)])
    if not 1 <= len(parts) <= MOST_PARTS:
        raise UnreadableRequest(f"ask for 1 to {MOST_PARTS} things at once: certificates, revocations, queries")
    proof = singles.get(IDENTITY_PROOF_V2)
    return FullRequest(
        parts=parts,
        request_sequence=encoding.sequence(*map(asn1.encode_der, data.requests)),
        echo=Echo(
            transaction_id=_transaction_id(singles.get(TRANSACTION_ID)),
            sender_nonce=_octets(singles.get(SENDER_NONCE), most=MAX_NONCE_OCTETS),
            data_return=_octets(singles.get(DATA_RETURN), most=len(asn1.encode_der(data))),
        ),
        account=_account(singles.get(IDENTIFICATION)),
        proof=None if proof is None else read_proof(proof),
    )


def _certification(request: bytes) -> Certification:
    """A TaggedRequest: PKCS #10 under [0], CRMF under [1], others under [2]."""
    if request[0] != _PKCS_10:
        kind = "CRMF (RFC 4211)" if request[0] == _CRMF else "of other kinds"
        raise UnsupportedPart(f"requests {kind} are not served; send PKCS #10", body_part=0)
    read = asn1.decode_der(TaggedCertificationRequest, _SEQUENCE_TAG + request[1:])
    return Certification(read.body_part_id, asn1.encode_der(read.request))


def _singles(controls: list[TaggedAttribute]) -> Mapping[ObjectIdentifier, bytes]:
    """The controls of which there may be one each, in DER."""
    found: dict[ObjectIdentifier, bytes] = {}
    for control in controls:
        if control.type not in _SINGLE:
            continue
        if control.type in found:
            raise UnreadableRequest(f"the control {control.type.dotted_string} must not come twice")
        found[control.type] = _value(control)
    return found


def _several(controls: list[TaggedAttribute]) -> Iterator[Part]:
    """The controls that ask for something.

    Raises:
        UnsupportedPart: one that is none of those, and not a single one either (RFC 5272, 6.1.1: noSupport).
    """
    for control in controls:
        if control.type == REVOKE_REQUEST:
            yield _revocation(control.body_part_id, asn1.decode_der(RevokeRequest, _value(control)))
        elif control.type == QUERY_PENDING:
            yield Query(control.body_part_id, asn1.decode_der(bytes, _value(control)))
        elif control.type not in _SINGLE:
            raise UnsupportedPart(
                f"the control {control.type.dotted_string} is not served here; leave it out",
                body_part=control.body_part_id,
            )


def _value(control: TaggedAttribute) -> bytes:
    values = control.values.as_list()
    if len(values) != 1:
        raise UnreadableRequest(f"the control {control.type.dotted_string} must have one value")
    return asn1.encode_der(values[0])


def _revocation(body_part: int, read: RevokeRequest) -> Revocation:
    # One octet: Python does not even write out numbers of thousands of digits.
    if read.reason.tag_bytes != _ENUMERATED or len(read.reason.data) != 1:
        raise UnreadableRequest(_UNREADABLE)
    since = read.invalidity_date
    return Revocation(
        body_part=body_part,
        issuer_der=asn1.encode_der(read.issuer),
        serial=read.serial,
        reason=int.from_bytes(read.reason.data, "big"),
        invalid_since=None if since is None else int(since.as_datetime().timestamp()),
        secret=None if read.passphrase is None else Secret(read.passphrase.decode()),
    )


def _require_unique(body_parts: list[int]) -> None:
    """RFC 5272, 3.2.2: 0 means the whole request, and no other number is used twice."""
    if len(set(body_parts)) != len(body_parts) or not all(1 <= one <= _LAST_BODY_PART for one in body_parts):
        raise UnreadableRequest(f"each bodyPartID must be another number from 1 to {_LAST_BODY_PART} (RFC 5272, 3.2.2)")


def _transaction_id(value: bytes | None) -> int | None:
    if value is None:
        return None
    number = asn1.decode_der(int, value)
    if number.bit_length() > MAX_TRANSACTION_BITS:
        raise UnreadableRequest(f"a transactionId has at most {MAX_TRANSACTION_BITS} bits")
    return number


def _octets(value: bytes | None, *, most: int) -> bytes | None:
    if value is None:
        return None
    octets = asn1.decode_der(bytes, value)
    if not 1 <= len(octets) <= most:
        raise UnreadableRequest(f"a nonce has 1 to {MAX_NONCE_OCTETS} octets; data to return must not be empty")
    return octets


def _account(value: bytes | None) -> str | None:
    if value is None:
        return None
    account = asn1.decode_der(str, value)
    if not (account.isprintable() and 1 <= len(account) <= MAX_IDENTIFICATION):
        raise UnreadableRequest("the identification must be the account on the password sheet")
    return account

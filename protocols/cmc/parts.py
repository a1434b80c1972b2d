"""What a full PKI request asks for, part by part (RFC 5272, 6), and what its answer repeats."""

from __future__ import annotations

import msgspec

from ca_core.secret import Secret


class Certification(msgspec.Struct, frozen=True):
    """A certificate is wanted.

    Attributes:
        der: of the PKCS #10 request or CertReqMsg, still to be read.
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


class Confirmation(msgspec.Struct, frozen=True):
    """A certificate has arrived and is accepted; nobody is asked for this here, and who says it is heard."""

    body_part: int
    issuer_der: bytes
    serial: int


class Notice(msgspec.Struct, frozen=True):
    """What the sender says of an answer that it has got, such as that it gives up; nothing follows from it."""

    body_part: int


Part = Certification | Revocation | Query | Confirmation | Notice


class Echo(msgspec.Struct, frozen=True):
    """What the answer repeats, so that it can be told to which request it belongs."""

    transaction_id: int | None = None
    sender_nonce: bytes | None = None
    data_return: bytes | None = None


NO_ECHO = Echo()

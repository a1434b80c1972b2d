"""The controls of a full PKI request (RFC 5272, 6): those that say something of all of it, and those that ask.

A control that only an answer or an RA's own message would hold is none that is served here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cryptography.hazmat import asn1
from cryptography.x509.oid import ObjectIdentifier

from ca_core.secret import Secret
from protocols.cmc.errors import PossessionNotDelegated, UnknownControls, UnreadableRequest
from protocols.cmc.identity_proof import Witness, read_first_version, read_second_version
from protocols.cmc.parts import Confirmation, Echo, Notice, Part, Query, Revocation
from protocols.cmc.structures import (
    CONFIRM_ACCEPTANCE,
    DATA_RETURN,
    IDENTIFICATION,
    IDENTITY_PROOF,
    IDENTITY_PROOF_V2,
    POP_LINK_RANDOM,
    QUERY_PENDING,
    RA_POP_WITNESS,
    RECIPIENT_NONCE,
    REG_INFO,
    REVOKE_REQUEST,
    SENDER_NONCE,
    STATUS_INFO,
    STATUS_INFO_V2,
    TRANSACTION_ID,
    CertId,
    RevokeRequest,
    TaggedAttribute,
)

MAX_NONCE_OCTETS = 64
MAX_TRANSACTION_BITS = 512
MAX_IDENTIFICATION = 256
UNREADABLE = "the content cannot be read; it must be DER of a PKIData (RFC 5272, 3.2.1)"

_SINGLE = (
    DATA_RETURN,
    IDENTIFICATION,
    IDENTITY_PROOF,
    IDENTITY_PROOF_V2,
    POP_LINK_RANDOM,
    RECIPIENT_NONCE,
    SENDER_NONCE,
    TRANSACTION_ID,
)
# What an RA adds for itself, and what has no agreed meaning here: RFC 5272, 3.2.1 lets it be ignored.
_UNHEEDED = (REG_INFO,)
_NOTICES = (STATUS_INFO, STATUS_INFO_V2)
_ASKING = (REVOKE_REQUEST, QUERY_PENDING, CONFIRM_ACCEPTANCE, *_NOTICES)
_SERVED = frozenset({*_SINGLE, *_UNHEEDED, *_ASKING})
_ENUMERATED = b"\x0a"

Singles = Mapping[ObjectIdentifier, bytes]


def require_served(controls: Sequence[TaggedAttribute]) -> None:
    """Let only controls pass that mean something here.

    Raises:
        UnknownControls: others, all of them named (RFC 5272, 3.2.1.1).
        PossessionNotDelegated: an RA says that it has seen the proof of possession (RFC 5272, 6.8).
    """
    if witnesses := tuple(one.body_part_id for one in controls if one.type == RA_POP_WITNESS):
        raise PossessionNotDelegated(body_parts=witnesses)
    if unknown := [one for one in controls if one.type not in _SERVED]:
        named = ", ".join(sorted({one.type.dotted_string for one in unknown}))
        raise UnknownControls(
            f"not served here, leave them out: the controls {named}",
            body_parts=tuple(one.body_part_id for one in unknown),
        )


def singles(controls: Sequence[TaggedAttribute]) -> Singles:
    """The controls of which there may be one each, in DER.

    Raises:
        UnreadableRequest: one comes twice, or has not exactly one value.
    """
    found: dict[ObjectIdentifier, bytes] = {}
    for control in controls:
        if control.type not in _SINGLE:
            continue
        if control.type in found:
            raise UnreadableRequest(f"the control {control.type.dotted_string} must not come twice")
        found[control.type] = _value(control)
    return found


def asking(controls: Sequence[TaggedAttribute]) -> Iterator[Part]:
    """What the controls ask for.

    Raises:
        UnreadableRequest, ValueError: one is not what its type says.
    """
    for control in controls:
        if control.type == REVOKE_REQUEST:
            yield _revocation(control.body_part_id, asn1.decode_der(RevokeRequest, _value(control)))
        elif control.type == QUERY_PENDING:
            yield Query(control.body_part_id, asn1.decode_der(bytes, _value(control)))
        elif control.type == CONFIRM_ACCEPTANCE:
            named = asn1.decode_der(CertId, _value(control))
            yield Confirmation(control.body_part_id, asn1.encode_der(named.issuer), named.serial)
        elif control.type in _NOTICES:
            yield Notice(control.body_part_id)


def echo(found: Singles) -> Echo:
    """What goes back as it came (RFC 5272, 6.4 and 6.6).

    Raises:
        UnreadableRequest, ValueError: it is longer than what is repeated here, empty, or of another type.
    """
    return Echo(
        transaction_id=_transaction_id(found.get(TRANSACTION_ID)),
        sender_nonce=_octets(found.get(SENDER_NONCE), most=MAX_NONCE_OCTETS),
        data_return=_octets(found.get(DATA_RETURN)),
    )


def proofs(found: Singles) -> tuple[Witness, ...]:
    """The identity proofs, of either version; each must hold.

    Raises:
        UnknownAlgorithm, ValueError: one is made in a way that is not known here, or is none.
    """
    readers = ((IDENTITY_PROOF, read_first_version), (IDENTITY_PROOF_V2, read_second_version))
    return tuple(read(found[kind]) for kind, read in readers if kind in found)


def link_random(found: Singles) -> bytes | None:
    """What the witnesses in the certification requests are computed over; None where there is nothing.

    Raises:
        ValueError: it is no octets.
    """
    value = found.get(POP_LINK_RANDOM)
    return None if value is None else asn1.decode_der(bytes, value)


def account(found: Singles) -> str | None:
    """The identification; None where there is none.

    Raises:
        UnreadableRequest, ValueError: nobody could be called that.
    """
    value = found.get(IDENTIFICATION)
    if value is None:
        return None
    text = asn1.decode_der(str, value)
    if not (text.isprintable() and 1 <= len(text) <= MAX_IDENTIFICATION):
        raise UnreadableRequest("the identification must be the account on the password sheet")
    return text


def _value(control: TaggedAttribute) -> bytes:
    values = control.values.as_list()
    if len(values) != 1:
        raise UnreadableRequest(f"the control {control.type.dotted_string} must have one value")
    return asn1.encode_der(values[0])


def _revocation(body_part: int, read: RevokeRequest) -> Revocation:
    # One octet: Python does not even write out numbers of thousands of digits.
    if read.reason.tag_bytes != _ENUMERATED or len(read.reason.data) != 1:
        raise UnreadableRequest(UNREADABLE)
    since = read.invalidity_date
    return Revocation(
        body_part=body_part,
        issuer_der=asn1.encode_der(read.issuer),
        serial=read.serial,
        reason=int.from_bytes(read.reason.data, "big"),
        invalid_since=None if since is None else int(since.as_datetime().timestamp()),
        secret=None if read.passphrase is None else Secret(read.passphrase.decode()),
    )


def _transaction_id(value: bytes | None) -> int | None:
    if value is None:
        return None
    number = asn1.decode_der(int, value)
    if number.bit_length() > MAX_TRANSACTION_BITS:
        raise UnreadableRequest(f"a transactionId has at most {MAX_TRANSACTION_BITS} bits")
    return number


def _octets(value: bytes | None, *, most: int | None = None) -> bytes | None:
    if value is None:
        return None
    octets = asn1.decode_der(bytes, value)
    if not octets or (most is not None and len(octets) > most):
        raise UnreadableRequest(f"a nonce has 1 to {MAX_NONCE_OCTETS} octets; data to return must not be empty")
    return octets

"""What links a certification request to a shared secret: a witness inside what its key has signed (RFC 5272, 6.3.1)."""

from __future__ import annotations

from cryptography.hazmat import asn1
from cryptography.x509.oid import ObjectIdentifier

from ca_core import der as encoding
from ca_core.policy import crmf
from protocols.cmc.errors import UnreadableRequest
from protocols.cmc.identity_proof import Witness, read_first_version, read_second_version
from protocols.cmc.structures import POP_LINK_WITNESS, POP_LINK_WITNESS_V2

_ATTRIBUTES, _SEQUENCE_TAG = 0xA0, bytes((encoding.SEQUENCE,))
_READERS = {POP_LINK_WITNESS: read_first_version, POP_LINK_WITNESS_V2: read_second_version}


def witnesses(request: bytes) -> tuple[Witness, ...]:
    """All witnesses in a certification request.

    Args:
        request: DER of a PKCS #10 request or a CertReqMsg.

    Raises:
        UnreadableRequest: one of them, or the request, cannot be read.
        UnknownAlgorithm: one is made in a way that is not known here.
    """
    try:
        return tuple(_READERS[kind](value) for kind, value in _signed(request) if kind in _READERS)
    except (ValueError, IndexError):
        raise UnreadableRequest("a POP Link Witness in the certification request cannot be read") from None


def _signed(request: bytes) -> list[tuple[ObjectIdentifier, bytes]]:
    """What stands beside subject and key: the attributes of PKCS #10, the controls of CRMF."""
    return crmf.controls(request) if crmf.is_crmf(request) else _attributes(request)


def _attributes(request: bytes) -> list[tuple[ObjectIdentifier, bytes]]:
    info = encoding.elements(encoding.elements(request)[0])
    found = []
    for attributes in (one for one in info if one[0] == _ATTRIBUTES):
        for attribute in encoding.elements(_SEQUENCE_TAG + attributes[1:]):
            kind, values = encoding.elements(attribute)
            listed = encoding.elements(_SEQUENCE_TAG + values[1:])
            found += [(asn1.decode_der(ObjectIdentifier, kind), value) for value in listed]
    return found

"""ChangeSubjectName: which other names a renewal asks for (RFC 6402, 2.8; RFC 7030, 4.2.2)."""

from __future__ import annotations

import msgspec
from cryptography.hazmat import asn1
from cryptography.x509.oid import ObjectIdentifier

from ca_core import der as encoding
from ca_core.errors import BadCsr
from ca_core.names import Identifier
from ca_core.policy import general_names

CHANGE_SUBJECT_NAME = ObjectIdentifier("1.3.6.1.5.5.7.7.36")
_SET = b"\x31"
_ALTERNATIVE = 0xA1


class NameChange(msgspec.Struct, frozen=True):
    """What is to be another one.

    Attributes:
        subject_der: the Name, as received; None leaves it as it is.
        names: the subjectAltName's, all of them; None leaves them as they are.
    """

    subject_der: bytes | None
    names: frozenset[Identifier] | None


@asn1.sequence
class _Attribute:
    """A SEQUENCE around one ChangeSubjectName: declarations start at a SEQUENCE with named fields."""

    parts: list[asn1.TLV]


def read(value: bytes) -> NameChange:
    """Read the attribute's one value.

    RFC 6402 forgot a tag, which its erratum 3943 adds: a subjectAltName comes as `[1]`, or as a plain SEQUENCE that is
    told from a Name by what is in it.

    Raises:
        ValueError: not DER.
        BadCsr, BadName: neither of the two, one of them twice, or names that no certificate here has.
    """
    parts = asn1.decode_der(_Attribute, encoding.sequence(value)).parts
    contents = [(part.tag_bytes[0], bytes(part.data)) for part in parts]
    is_name = [tag == encoding.SEQUENCE and content[:1] in {b"", _SET} for tag, content in contents]
    if is_name not in ([True], [False], [True, False]) or contents[-1][0] not in {encoding.SEQUENCE, _ALTERNATIVE}:
        raise BadCsr("the ChangeSubjectName must hold a subject, a subjectAltName or both (RFC 6402, 2.8)")
    framed = [encoding.header(encoding.SEQUENCE, len(content)) + content for _, content in contents]
    return NameChange(
        subject_der=framed[0] if is_name[0] else None,
        names=None if is_name[-1] else general_names.read(framed[-1]),
    )

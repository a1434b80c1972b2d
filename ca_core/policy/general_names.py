"""GeneralNames: what a subjectAltName asks for (RFC 5280, 4.2.1.6; RFC 4043)."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from cryptography.hazmat import asn1
from cryptography.x509.oid import ObjectIdentifier

from ca_core import der as encoding
from ca_core import names
from ca_core.errors import BadCsr, ExtensionNotServed
from ca_core.names import Identifier

MAX_NAMES = 100
_UNKNOWN_KIND = "the subjectAltName holds a kind of name that is not known here; ask without it"
# RFC 5280, 4.2.1.6: x400Address, directoryName, ediPartyName and registeredID.
_OTHER_KINDS = frozenset({b"\xa3", b"\xa4", b"\xa5", b"\x88"})
PERMANENT_IDENTIFIER = ObjectIdentifier("1.3.6.1.5.5.7.8.3")


@asn1.sequence
class PermanentIdentifier:
    """RFC 4043, 2. Without an assigner the value is unique on its own; that is the form used here."""

    value: str | None
    assigner: ObjectIdentifier | None


@asn1.sequence
class _OtherName:
    type_id: ObjectIdentifier
    value: Annotated[asn1.TLV, asn1.Explicit(0)]


_GeneralName = (
    Annotated[asn1.Variant[_OtherName, Literal["otherName"]], asn1.Implicit(0)]
    | Annotated[asn1.Variant[asn1.IA5String, Literal["rfc822Name"]], asn1.Implicit(1)]
    | Annotated[asn1.Variant[asn1.IA5String, Literal["dNSName"]], asn1.Implicit(2)]
    | Annotated[asn1.Variant[asn1.IA5String, Literal["uniformResourceIdentifier"]], asn1.Implicit(6)]
    | Annotated[asn1.Variant[bytes, Literal["iPAddress"]], asn1.Implicit(7)]
)


@asn1.sequence
class _GeneralNames:
    """A SEQUENCE around one GeneralNames, as above."""

    names: list[_GeneralName]


def read(general_names: bytes) -> frozenset[Identifier]:
    """The names in GeneralNames, each in its normal form.

    Raises:
        ValueError: no GeneralNames, or not DER.
        BadCsr: one name twice, none or more than 100.
        ExtensionNotServed: a kind of name that is not known here.
        BadName: one that is not in its normal form.
    """
    try:
        listed = asn1.decode_der(_GeneralNames, encoding.sequence(general_names)).names
    except ValueError:
        _require_known_kinds(general_names)
        raise
    found = [_identifier(name) for name in listed[: MAX_NAMES + 1]]
    if len(listed) > MAX_NAMES:
        raise BadCsr(f"the subjectAltName holds more than {MAX_NAMES} names; ask for several certificates")
    if not found:
        raise BadCsr("the subjectAltName is empty (RFC 5280, 4.2.1.6)")
    if len(set(found)) != len(found):
        raise BadCsr("the subjectAltName holds one name twice")
    return frozenset(found)


def _require_known_kinds(general_names: bytes) -> None:
    """Tell names of kinds that are not known here from what cannot be read at all.

    Raises:
        ExtensionNotServed: there is one.
        ValueError: it cannot be read.
    """
    if {name[:1] for name in encoding.elements(general_names)} & _OTHER_KINDS:
        raise ExtensionNotServed(_UNKNOWN_KIND)


def _identifier(name: _GeneralName) -> Identifier:
    match name.value:
        case _OtherName(type_id=type_id, value=value) if type_id == PERMANENT_IDENTIFIER:
            return _permanent(asn1.encode_der(value))
        case bytes(octets):
            # Fails for anything but 4 and 16 octets.
            return names.ip(str(ipaddress.ip_address(octets)))
        case asn1.IA5String() as text if name.tag == "dNSName":
            # DNS is blind to case (RFC 4343); the normal form is lower case.
            return names.dns(text.as_str().lower())
        case asn1.IA5String() as text if name.tag == "rfc822Name":
            return names.email(text.as_str())
        case asn1.IA5String() as text:
            return names.uri(text.as_str())
        case _:
            raise ExtensionNotServed(_UNKNOWN_KIND)


def _permanent(value: bytes) -> Identifier:
    permanent = asn1.decode_der(PermanentIdentifier, value)
    if permanent.value is None or permanent.assigner is not None:
        raise BadCsr("a permanentIdentifier must have a value and no assigner (RFC 4043)")
    return names.permanent(permanent.value)

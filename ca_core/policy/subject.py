"""Distinguished names: from text to DER, and compared (RFC 4514; RFC 5280, 4.1.2.4 and 7.1)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import NameOID, ObjectIdentifier

from ca_core import der, names
from ca_core.errors import BadName

MAX_TEXT = 2000

KEYWORDS = {
    "CN": NameOID.COMMON_NAME,
    "C": NameOID.COUNTRY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "STREET": NameOID.STREET_ADDRESS,
    "postalCode": NameOID.POSTAL_CODE,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "organizationIdentifier": NameOID.ORGANIZATION_IDENTIFIER,
    "businessCategory": NameOID.BUSINESS_CATEGORY,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "dnQualifier": NameOID.DN_QUALIFIER,
    "title": NameOID.TITLE,
    "SN": NameOID.SURNAME,
    "surname": NameOID.SURNAME,
    "GN": NameOID.GIVEN_NAME,
    "givenName": NameOID.GIVEN_NAME,
    "pseudonym": NameOID.PSEUDONYM,
    "emailAddress": NameOID.EMAIL_ADDRESS,
    "E": NameOID.EMAIL_ADDRESS,
    "DC": NameOID.DOMAIN_COMPONENT,
    "UID": NameOID.USER_ID,
}
# RFC 4514, 2.3: keywords are known in any case.
_ANY_CASE = {
    spelling: oid for keyword, oid in KEYWORDS.items() for spelling in (keyword, keyword.upper(), keyword.lower())
}
# Upper bounds in characters (RFC 5280, appendix A.1); 64 for attributes that are not here.
_UPPER_BOUNDS = {
    NameOID.STATE_OR_PROVINCE_NAME: 128,
    NameOID.LOCALITY_NAME: 128,
    NameOID.STREET_ADDRESS: 128,
    NameOID.BUSINESS_CATEGORY: 128,
    NameOID.PSEUDONYM: 128,
    NameOID.ORGANIZATION_IDENTIFIER: 256,
    NameOID.USER_ID: 256,
    NameOID.EMAIL_ADDRESS: 254,
}
_DEFAULT_UPPER_BOUND = 64
_REMEMBERED = 1024
_PRINTABLE = re.compile(r"[A-Za-z0-9 '()+,./:=?-]+")
_PRINTABLE_ONLY = (NameOID.SERIAL_NUMBER, NameOID.DN_QUALIFIER)

# The string types of DirectoryString and its kin by their tags (X.680, 41), with how Python reads them.
_STRING_CODECS = {12: "utf-8", 18: "ascii", 19: "ascii", 20: "latin-1", 22: "ascii", 26: "ascii"}
_STRING_CODECS |= {28: "utf-32-be", 30: "utf-16-be"}


@asn1.sequence
class _Attribute:
    type: ObjectIdentifier
    value: asn1.TLV


@asn1.sequence
class _Names:
    """A SEQUENCE around one RDNSequence: declarations start at a SEQUENCE with named fields."""

    rdns: list[asn1.SetOf[_Attribute]]


def subject_der(text: str) -> bytes:
    """Encode a distinguished name such as `CN=A123456789-63-YIRU,OU=RD,O=TWCA,C=TW` (RFC 4514).

    The text starts with the most specific attribute and the DER with the least specific one.

    Raises:
        BadName: says which attribute is wrong, or that the text is no distinguished name.
    """
    if not text.strip():
        raise BadName("a distinguished name must not be empty; write one such as CN=Name,O=Organization,C=TW")
    if len(text) > MAX_TEXT:
        raise BadName(f"a distinguished name must not have more than {MAX_TEXT} characters")
    _require_visible(text)
    try:
        name = x509.Name.from_rfc4514_string(text, _ANY_CASE)
    except ValueError:
        raise BadName(
            f"{text[:80]!r} cannot be read as a distinguished name; write attributes joined by commas without"
            " blanks (RFC 4514), a CN of at most 64 octets of UTF-8, a C of two letters, and no others than"
            f" {', '.join(KEYWORDS)}"
        ) from None
    for attribute in name:
        _require_sound(attribute)
    return name.public_bytes()


def common_names(name_der: bytes) -> tuple[str, ...]:
    """The common names in a Name, as they are written there.

    Raises:
        ValueError: no Name, or a common name that is no string.
    """
    return texts(name_der, NameOID.COMMON_NAME)


def texts(name_der: bytes, attribute_type: ObjectIdentifier) -> tuple[str, ...]:
    """The values of one kind of attribute in a Name, as they are written there.

    Raises:
        ValueError: no Name, or one of the values is no string.
    """
    found = [_text(a) for rdn in _rdns(name_der) for a in rdn if a.type == attribute_type]
    if None in found:
        raise ValueError("an attribute of the name is not a string")
    return tuple(text for text in found if text is not None)


@lru_cache(maxsize=_REMEMBERED)
def attribute_types(name_der: bytes) -> tuple[str, ...]:
    """The object identifier of each attribute in a Name, in dotted form and in order.

    Raises:
        ValueError: no Name.
    """
    return tuple(attribute.type.dotted_string for rdn in _rdns(name_der) for attribute in rdn)


def without_foreign_common_name(name_der: bytes, names: Collection[str]) -> bytes:
    """A Name without those common names that are none of `names`; all else stays as it is, byte for byte.

    Raises:
        ValueError: no Name.
    """
    return _without_common_names(name_der, _common_texts(name_der).difference(names))


@lru_cache(maxsize=_REMEMBERED)
def only(name_der: bytes, keywords: tuple[str, ...]) -> bytes:
    """A Name with those attributes only that have one of the keywords; their order and bytes stay as they are.

    Args:
        keywords: of `KEYWORDS`, such as `CN` and `O`.

    Raises:
        ValueError: no Name.
    """
    types = {KEYWORDS[keyword] for keyword in keywords}
    return _only(name_der, lambda attribute: attribute.type in types)


def comparable(name_der: bytes, *, exact: Collection[ObjectIdentifier] = ()) -> tuple[tuple[str, ...], ...]:
    """A Name in a form in which equal means the same name (RFC 5280, 7.1).

    The string type does not count, nor do case and the amount of white space; the order of RDNs does.

    Args:
        exact: the types of attributes in whose text every character counts.

    Raises:
        ValueError: no Name.
    """
    return tuple(
        tuple(sorted(f"{a.type.dotted_string}={_folded(a, is_exact=a.type in exact)}" for a in rdn))
        for rdn in _rdns(name_der)
    )


# The registered subject of who asks for certificate after certificate, of which most often all goes or all stays.
@lru_cache(maxsize=_REMEMBERED)
def _common_texts(name_der: bytes) -> frozenset[str | None]:
    """The common names in a Name; None for one that is no string."""
    return frozenset(_text(a) for rdn in _rdns(name_der) for a in rdn if a.type == NameOID.COMMON_NAME)


@lru_cache(maxsize=_REMEMBERED)
def _without_common_names(name_der: bytes, foreign: frozenset[str | None]) -> bytes:
    return _only(name_der, lambda attribute: attribute.type != NameOID.COMMON_NAME or _text(attribute) not in foreign)


def _only(name_der: bytes, is_kept: Callable[[_Attribute], bool]) -> bytes:
    kept = [[attribute for attribute in rdn if is_kept(attribute)] for rdn in _rdns(name_der)]
    rdns = _Names(rdns=[asn1.SetOf(rdn) for rdn in kept if rdn])
    return bytes(asn1.decode_der(asn1.TLV, asn1.encode_der(rdns)).data)


def _rdns(name_der: bytes) -> list[list[_Attribute]]:
    return [rdn.as_list() for rdn in asn1.decode_der(_Names, der.sequence(name_der)).rdns]


def _text(attribute: _Attribute) -> str | None:
    codec = _STRING_CODECS.get(attribute.value.tag_bytes[0])
    return None if codec is None else bytes(attribute.value.data).decode(codec)


def _folded(attribute: _Attribute, *, is_exact: bool) -> str:
    text = _text(attribute)
    if text is None:
        return "#" + asn1.encode_der(attribute.value).hex()
    if is_exact:
        return "'" + text
    # RFC 4518, 2.2 to 2.6: compatibility composition, case folding, insignificant spaces. The quotation mark
    # keeps a string that starts with a number sign apart from the line above.
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "'" + " ".join(text.split())


def _require_sound(attribute: x509.NameAttribute[str | bytes]) -> None:
    oid, value = attribute.oid, str(attribute.value)
    label = next((keyword for keyword, known in KEYWORDS.items() if known == oid), None)
    if label is None:
        raise BadName(f"attribute {oid.dotted_string} is not known here; use {', '.join(KEYWORDS)}")
    _require_visible(value)
    if not value.strip():
        raise BadName(f"{label} must not be empty")
    upper_bound = _UPPER_BOUNDS.get(oid, _DEFAULT_UPPER_BOUND)
    if len(value) > upper_bound:
        raise BadName(f"{label} must not have more than {upper_bound} characters")
    if oid == NameOID.COUNTRY_NAME and not re.fullmatch("[A-Z]{2}", value):
        raise BadName(f"C must be a country code of two capital letters (ISO 3166), and not {value!r}")
    if oid in _PRINTABLE_ONLY and not _PRINTABLE.fullmatch(value):
        raise BadName(f"{label} must be a PrintableString: letters, digits, blanks and '()+,-./:=?")
    if oid == NameOID.DOMAIN_COMPONENT and not value.isascii():
        raise BadName("DC must be ASCII; write an internationalized name as its A-label (xn--...)")
    if oid == NameOID.EMAIL_ADDRESS:
        names.email(value)


def _require_visible(text: str) -> None:
    # Categories C* are control, format, surrogate and unassigned characters: among them those that turn the
    # direction of writing, so that a name on a screen is not the name in the certificate.
    if any(unicodedata.category(c) in {"Zl", "Zp"} or unicodedata.category(c).startswith("C") for c in text):
        raise BadName("a distinguished name must not contain control or invisible characters")

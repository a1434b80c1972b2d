"""Values as pages show them: text that is escaped where it is drawn, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from cryptography.x509.oid import ObjectIdentifier

from ca_core.policy import subject

_KEYWORDS = {oid.dotted_string: keyword for keyword, oid in reversed(subject.KEYWORDS.items())}


class Value(msgspec.Struct, frozen=True):
    """One value, and what is to be said of it.

    Attributes:
        remark: an English source text, which templates translate; empty for none.
        is_code: whether it is for machines.
        serial: of the certificate that it names, 40 hex digits; empty where it names none.
        at: a time in the place of the text, UTC seconds.
        group: of `words`, where the text is a code of ours; empty for none.
    """

    text: str = ""
    remark: str = ""
    is_code: bool = False
    serial: str = ""
    at: int | None = None
    group: str = ""


class Field(msgspec.Struct, frozen=True):
    """A label, which is an English source text, and its values."""

    label: str
    values: tuple[Value, ...]


def moment(seconds: int, remark: str = "") -> Value:
    """A time, UTC seconds."""
    return Value(remark=remark, at=seconds)


def octets(value: bytes) -> str:
    """Octets in hex, in groups that can be read aloud."""
    text = value.hex()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def certificate(serial: str, remark: str = "") -> Value:
    """A certificate by its serial, 40 hex digits."""
    return Value(octets(bytes.fromhex(serial)), remark, is_code=True, serial=serial)


def subject_text(name_der: bytes) -> str:
    """A Name in DER as text, the most specific attribute first, as officers type it; empty where it cannot be read."""
    try:
        types = subject.attribute_types(name_der)
        texts: dict[str, Iterator[str]] = {}
        for oid in set(types):
            texts[oid] = iter(subject.texts(name_der, ObjectIdentifier(oid)))
    except ValueError:
        return ""
    parts = [f"{_KEYWORDS.get(oid, oid)}={_escaped(next(texts[oid]))}" for oid in types]
    return ",".join(reversed(parts))


def _escaped(text: str) -> str:
    # What RFC 4514, 2.4 escapes wherever it stands: else a value could pose as several attributes.
    return "".join(f"\\{character}" if character in ',+"\\<>;=' else character for character in text)

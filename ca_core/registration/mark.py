"""Marks: by what a registration is found that does not itself say who it is.

A mark is the whole subject, or a device's number: one of its registered permanent identifiers, or a serialNumber in its
subject. A manufacturer's certificate and a request that came through another client bear the same marks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from cryptography.x509.oid import NameOID

from ca_core import der
from ca_core.names import Identifier, Kind
from ca_core.policy import subject
from ca_core.registration.account import Registration

_EXACT = (NameOID.SERIAL_NUMBER,)
MOST_MARKS = 16
"""Nothing that is looked for bears more; what has more is no device."""


def of_registration(registration: Registration) -> frozenset[str]:
    """The marks under which a registration is found."""
    names = (grant.identifier for grant in registration.grants if grant.vetted and not grant.zone)
    return _marks(registration.subject_der, names)


def of_shown(subject_der: bytes, names: Iterable[Identifier] = (), numbers: Iterable[str] = ()) -> frozenset[str]:
    """The marks of what was shown.

    Args:
        subject_der: a Name, as received.
        names: those beside it.
        numbers: of the device, as its maker writes them.

    Raises:
        ValueError: no Name.
    """
    return _marks(subject_der, names) | _devices(numbers)


def _marks(subject_der: bytes, names: Iterable[Identifier]) -> frozenset[str]:
    numbers = [name.value for name in names if name.kind is Kind.PERMANENT]
    marks = _devices((*numbers, *subject.texts(subject_der, NameOID.SERIAL_NUMBER)))
    # An empty subject is everybody's.
    return marks if subject_der == der.EMPTY_SEQUENCE else marks | {_whole(subject_der)}


def _devices(numbers: Iterable[str]) -> frozenset[str]:
    # What cannot be printed can be nobody's registered number; and octets that are read as text on trial may hold NUL,
    # which PostgreSQL takes in no text.
    return frozenset(f"device:{number}" for number in numbers if number.isprintable())


def _whole(subject_der: bytes) -> str:
    """As RFC 5280, 7.1 compares names, so that the string type and the case do not matter, except in a serialNumber.

    X.520 ignores case in all the types of attributes that a registration can have. But makers number their devices
    in alphabets where it counts (base64, base58): sn-1a and SN-1A are two devices, here as in a device's own mark.
    """
    name = subject.comparable(subject_der, exact=_EXACT)
    return f"subject:{hashlib.sha256(repr(name).encode()).hexdigest()}"

"""What lists show, line by line, and what is asked of them."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, TypeVar

import msgspec

from ca_core.errors import BadRequest
from ca_core.policy.status import CertificateStatus
from ca_core.registration.account import Status

MOST_LINES = 500
"""Of one page; whoever asks for more gets so many."""
MOST_COUNTED = 1_000
"""Counts of an overview end here: such a number means as many or more."""
_MOST_TEXT = 300
# PostgreSQL takes no NUL in a text, and no larger number.
_Text = Annotated[str, msgspec.Meta(max_length=_MOST_TEXT, pattern=r"^[^\x00]*$")]
_Number = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
_Key = tuple[_Text | _Number, _Text]
Key = tuple[str | int, str]
"""By what the lines of a list are in order; the second one is an identity, or a serial."""

Line = TypeVar("Line")


class Page(list[Line]):
    """Lines, and where the next page begins.

    A page may have fewer lines than were asked for, and even none, and yet not be the last one: where nothing in the
    store leads to what is asked for, a page ends when enough was looked at.

    Attributes:
        more: what the next page is asked for with as `after`; None behind the last one.
    """

    more: str | None = None


class RegistrationLine(msgspec.Struct, frozen=True):
    """One registration of a list.

    Attributes:
        place: what the lines behind this one are asked for with, as `after`.
        status: at the time of asking.
        created_at, expires_at: UTC seconds.
    """

    place: str
    id: str
    account: str
    kind: str
    status: Status
    subject: str
    contact_name: str
    realm: str
    owner: str | None
    profiles: tuple[str, ...]
    created_at: int
    expires_at: int
    version: int


class CertificateFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which certificates are wanted; None is any. All that is said must hold.

    Attributes:
        serial: its first hex digits, or all; colons and case do not matter.
        text: words that its registration is found by, as in the list of registrations.
        name: how one of its names begins, with the kind (`dns:www.example.com`) or without.
        issuer: the CA's name in this server, such as `issuing`.
        expires_from, expires_until: UTC seconds, both inclusive.
        key: SHA-256 of its public key's SubjectPublicKeyInfo, 64 hex digits.
    """

    serial: str | None = None
    account: str | None = None
    text: str | None = None
    name: str | None = None
    profile: str | None = None
    issuer: str | None = None
    status: CertificateStatus | None = None
    expires_from: int | None = None
    expires_until: int | None = None
    key: str | None = None


class CertificateLine(msgspec.Struct, frozen=True):
    """One certificate of a list (RULES, S12).

    Attributes:
        place: what the lines behind this one are asked for with, as `after`.
        status: at the time of asking.
        profile: its purpose.
        names: such as `dns:www.example.com`.
        not_before, not_after, issued_at, revoked_at, recalled_at: UTC seconds.
        issuer: the CA's name in this server.
        reason: number of a CRLReason; None where it is neither revoked nor on hold.
        key: SHA-256 of its SubjectPublicKeyInfo, in hex.
    """

    place: str
    serial: str
    account: str
    realm: str
    status: CertificateStatus
    profile: str
    subject: str
    names: tuple[str, ...]
    issuer: str
    not_before: int
    not_after: int
    issued_at: int
    revoked_at: int | None
    reason: int | None
    replaces: str | None
    recalled_at: int | None
    key: str


class JournalFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which rows of the journal are wanted; None is any. All that is said must hold.

    Attributes:
        actor: whole, such as `desk:officer:alice`; or how it begins, up to a colon: `desk:`, `acme:`.
        serial: 40 hex digits.
        since, until: UTC seconds, both inclusive.
    """

    event: str | None = None
    actor: str | None = None
    account: str | None = None
    serial: str | None = None
    since: int | None = None
    until: int | None = None


class JournalLine(msgspec.Struct, frozen=True):
    """One row of the journal, as lists show it.

    Attributes:
        place: what the lines behind this one are asked for with, as `after`.
        position: in the chain; None until the next turn of the sequencer.
        at: UTC seconds.
        account: of the registration that it is about; None where it is about none.
        detail: JSON.
    """

    place: str
    id: str
    position: int | None
    at: int
    event: str
    actor: str
    account: str | None
    serial: str | None
    detail: str


class Overview(msgspec.Struct, frozen=True):
    """How much there is to do; each number ends at `MOST_COUNTED`.

    Attributes:
        waiting: requests that wait for an officer, or for a sheet to be collected.
        expiring: certificates in their renewal window, neither revoked nor on hold.
        ending: active registrations whose vetting ends within the renewal window.
        expired: registrations whose vetting has ended.
        suspended: registrations.
        refused: credentials that opened nothing, in the last 24 hours.
    """

    waiting: int
    expiring: int
    ending: int
    expired: int
    suspended: int
    refused: int


class WeekCount(msgspec.Struct, frozen=True):
    """How much ends within seven days.

    Attributes:
        starts_at: UTC seconds.
        certificates: not revoked by now.
        registrations: active ones.
    """

    starts_at: int
    certificates: int
    registrations: int


def place_of(key: Key) -> str:
    """The place of a line, as its readers hand it back."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(key)).rstrip(b"=").decode()


def key_at(place: str | None, *, is_text: bool) -> Key | None:
    """The key of a line whose place was handed back; None for the first page.

    Args:
        is_text: whether this list is in the order of a text, and not of a time.

    Raises:
        BadRequest: no list of this kind has such a place.
    """
    if place is None:
        return None
    try:
        key: Key = msgspec.msgpack.decode(base64.urlsafe_b64decode(place + "=" * (-len(place) % 4)), type=_Key)
    except (msgspec.DecodeError, binascii.Error, ValueError):
        raise BadRequest("there is no such place in this list; begin with its first page") from None
    if isinstance(key[0], str) is not is_text:
        raise BadRequest("that place is one of another list; begin with the first page of this one")
    return key

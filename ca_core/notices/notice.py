"""A notice: what is told, to whom, and what of it nobody can decline (RULES, S9)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

DAYS = (1, 7, 30)
"""How many days before an end it is told, the nearest first: of two that are due at once, the nearer one is told."""
MOST_LISTED = 50
"""How many certificates one mail lists; of the others it says how many they are."""
MAIL = "mail"
WEBHOOK = "webhook:"
_DAY_SECONDS = 86_400


class Topic(StrEnum):
    """What happened, in the words of `webhooks.NAME.events`."""

    ISSUED = "issued"
    RENEWED = "renewed"
    REVOKED = "revoked"
    ABOUT_TO_EXPIRE = "about-to-expire"
    WAITING = "waiting"
    SUSPENDED = "suspended"
    PASSWORD_SUSPENDED = "password-suspended"  # a topic's name, no secret
    NEW_SHEET = "new-sheet"
    REGISTRATION_ENDS = "registration-ends"


MAILED = frozenset(
    {
        Topic.ABOUT_TO_EXPIRE,
        Topic.REVOKED,
        Topic.SUSPENDED,
        Topic.PASSWORD_SUSPENDED,
        Topic.NEW_SHEET,
        Topic.REGISTRATION_ENDS,
    },
)
HOOKED = frozenset({Topic.ISSUED, Topic.RENEWED, Topic.REVOKED, Topic.ABOUT_TO_EXPIRE, Topic.WAITING})
LEGALLY_DUE = frozenset({Topic.REVOKED, Topic.SUSPENDED, Topic.PASSWORD_SUSPENDED, Topic.NEW_SHEET})
"""What is mailed whether or not it is wanted: it takes something away, or opens something."""

JOURNALED: Mapping[str, Topic] = {
    "certificate-issued": Topic.ISSUED,
    "certificate-revoked": Topic.REVOKED,
    "status-changed": Topic.SUSPENDED,
    "password-suspended": Topic.PASSWORD_SUSPENDED,
    "sheet-issued": Topic.NEW_SHEET,
    "enrollment-referred": Topic.WAITING,
    "revocation-requested": Topic.WAITING,
    "desk-request-made": Topic.WAITING,
}
"""Events of the journal of which something is told; not each of a kind, see `topic_of`."""


class Told(msgspec.Struct, frozen=True):
    """One certificate as a notice tells of it.

    Attributes:
        names: such as `dns:www.example.com`.
        opens_at: when its renewal window opens, UTC seconds; it closes at `not_after`.
    """

    serial: str
    profile: str
    names: tuple[str, ...]
    not_after: int
    opens_at: int


class Notice(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One thing to tell.

    Attributes:
        key: of what is told; on each channel it is told once.
        at: when it happened, or was found, UTC seconds.
        certificates: at most `MOST_LISTED`; `more` is how many there are beside them.
        days: how many days before an end.
        ends_at: of a registration, UTC seconds.
        reason: of a revocation, in RFC 5280's words.
        replaces: the serial that a renewed certificate takes the place of.
        number: of the sheet, or of the request that waits.
        realm: where there is no registration yet, and `registration_id` is empty.
    """

    topic: Topic
    key: str
    registration_id: str
    at: int
    certificates: tuple[Told, ...] = ()
    more: int = 0
    days: int | None = None
    ends_at: int | None = None
    reason: str | None = None
    replaces: str | None = None
    number: int | None = None
    realm: str = ""

    def joined(self, other: Notice) -> Notice:
        """The same of both's certificates, in one."""
        every = self.certificates + other.certificates
        more = self.more + other.more + max(0, len(every) - MOST_LISTED)
        return msgspec.structs.replace(self, certificates=every[:MOST_LISTED], more=more)


def topic_of(event: str, detail: Mapping[str, Any]) -> Topic | None:
    """What an event of the journal tells; None where nothing.

    Args:
        detail: the event's own fields.
    """
    topic = JOURNALED.get(event)
    if topic is Topic.ISSUED and detail.get("replaces"):
        return Topic.RENEWED
    if topic is Topic.SUSPENDED and detail.get("status") != "suspended":
        return None
    return topic


def of_journal(
    topic: Topic, detail: Mapping[str, Any], told: Told | None, *, key: str, registration_id: str, at: int
) -> Notice:
    """What is told of an event of the journal.

    Args:
        told: the certificate that it is about.
    """
    return Notice(
        topic=topic,
        key=key,
        registration_id=registration_id,
        at=at,
        certificates=(told,) if told else (),
        reason=detail.get("reason"),
        replaces=detail.get("replaces"),
        number=detail.get("number", detail.get("request")),
        realm="" if registration_id else detail.get("realm", ""),
    )


def until(now: int, days: int) -> int:
    """The last second of the UTC day that is so many days ahead: what ends on one day is told of together."""
    return (now // _DAY_SECONDS + days + 1) * _DAY_SECONDS - 1


def day_of(at: int) -> int:
    """The UTC day of a time, counted from 1970."""
    return at // _DAY_SECONDS

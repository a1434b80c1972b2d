"""What the journal holds of notices; addresses are in the registration and not here."""

from __future__ import annotations

from ca_core.audit.event import Event


class NoticeSent(Event, frozen=True, tag="notice-sent"):
    """A mail was handed to the mail server.

    Attributes:
        message: the part of its Message-ID before the `@`.
        serials: of the certificates that it tells of.
    """

    topic: str
    message: str
    serials: tuple[str, ...] = ()


class NoticeFailed(Event, frozen=True, tag="notice-failed"):
    """Something was not told, and is not tried again.

    Attributes:
        channel: `mail` or `webhook:NAME`.
        why: what the other side said, or that its time was over.
    """

    channel: str
    topic: str
    message: str
    why: str


class Unsubscribed(Event, frozen=True, tag="notices-declined"):
    """A subscriber wants no mail that is not legally due."""


class Resubscribed(Event, frozen=True, tag="notices-wanted"):
    """A subscriber wants all notices again."""

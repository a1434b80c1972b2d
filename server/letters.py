"""Notices as mail: plain text in the subscriber's language, with what to do next, and the window for the calendar."""

from __future__ import annotations

from datetime import UTC, datetime
from email.headerregistry import BaseHeader, HeaderRegistry, UniqueUnstructuredHeader
from email.message import EmailMessage
from email.policy import EmailPolicy, Policy
from email.utils import format_datetime
from functools import cache
from importlib import resources
from typing import ClassVar, Literal

from ca_core.clock import rfc3339
from ca_core.notices.notice import Notice, Told, Topic
from ca_core.notices.readers import Reader
from ca_core.registration.sheet import Places
from ca_core.store.outbox import Parcel

DECLINING = "/notices"
"""Where a link leads by which notices are declined."""
ENGLISH, CHINESE = "en", "zh-Hant"
_TEXTS = resources.files("server.web") / "texts" / "notices"
_WITH_WINDOW = frozenset({Topic.ABOUT_TO_EXPIRE, Topic.REVOKED})


class _Whole(UniqueUnstructuredHeader, BaseHeader):
    """A field in one line, as mail programs look for an address in it (RFC 2369, 2).

    The library would write what is longer than a line as encoded words, which nobody decodes there.
    """

    max_count: ClassVar[Literal[1]] = 1

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_FIELDS = HeaderRegistry()
_FIELDS.map_to_type("list-unsubscribe", _Whole)
_POLICY = EmailPolicy(header_factory=_FIELDS)


class Letters:
    """Writes mail.

    Args:
        sender: the address that it comes from.
        public: the base URL of the portal.
    """

    def __init__(self, sender: str, places: Places, public: str) -> None:
        self._sender = sender
        self._places = places
        self._public = public

    def write(self, parcel: Parcel, reader: Reader) -> EmailMessage:
        """The whole message; its Message-ID is the same at every attempt.

        Raises:
            ValueError: a header would have had a line end in it.
        """
        language = CHINESE if reader.registration.language.lower().startswith("zh") else ENGLISH
        link = f"{self._public}{DECLINING}?token={reader.token}" if reader.token else None
        subject, _, body = _text(reader.notice.topic.value, language).partition("\n")
        facts = self._facts(reader, language)
        if link:
            body += "\n-- \n" + _text("declining", language).format(link=link)
        message = EmailMessage(_POLICY)
        message["From"] = self._sender
        message["To"] = reader.email
        message["Subject"] = subject.format_map(facts)
        message["Date"] = format_datetime(datetime.fromtimestamp(parcel.created_at, UTC))
        message["Message-ID"] = f"<{parcel.id}@{self._sender.rpartition('@')[2]}>"
        # RFC 3834, 5: nobody's holiday answers it.
        message["Auto-Submitted"] = "auto-generated"
        message["Content-Language"] = language
        if link:
            # RFC 8058, 3.1: one click, and whoever only looks at the link declines nothing.
            message["List-Unsubscribe"] = f"<{link}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(body.format_map(facts))
        if reader.notice.topic in _WITH_WINDOW and reader.notice.certificates:
            # With the first letter: a server that sends none needs no calendars.
            from server.appointments import calendar  # noqa: PLC0415

            _attach(message, calendar(reader.notice, reader.registration.account, self._places.portal_url, language))
        return message

    def _facts(self, reader: Reader, language: str) -> dict[str, str]:
        notice, account = reader.notice, reader.registration.account
        return {
            "account": account,
            "portal": self._places.portal_url,
            "est": self._places.est_url,
            "number": str(notice.number),
            "reason": notice.reason or "",
            "ends": _end_of(notice),
            "certificates": _list(notice, language),
        }


def _end_of(notice: Notice) -> str:
    ends = [told.not_after for told in notice.certificates]
    return rfc3339(notice.ends_at if notice.ends_at is not None else min(ends, default=0)).partition("T")[0]


def _list(notice: Notice, language: str) -> str:
    lines = [_line(told, language) for told in notice.certificates]
    if notice.more:
        lines.append(_text("more", language).format(more=notice.more))
    return "\n".join(lines).rstrip("\n")


def _line(told: Told, language: str) -> str:
    return _text("certificate", language).format(
        names=", ".join(told.names) or told.profile,
        serial=told.serial,
        profile=told.profile,
        opens=rfc3339(told.opens_at),
        closes=rfc3339(told.not_after),
    )


def _attach(message: EmailMessage, made: tuple[str, str]) -> None:
    method, text = made
    message.add_attachment(text, subtype="calendar", charset="utf-8", params={"method": method}, filename="renewal.ics")


@cache
def _text(name: str, language: str) -> str:
    return (_TEXTS / f"{name}.{language}.txt").read_text("utf-8")

"""What subscribers read: in their language, with what to do, and an entry for the calendar."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

import msgspec
import pytest
from aiosmtplib.email import flatten_message
from icalendar import Calendar

from ca_core.notices.notice import LEGALLY_DUE, MAILED, Notice, Told, Topic
from ca_core.notices.readers import Reader
from ca_core.registration.account import Registration, Status
from ca_core.registration.contact import Contact
from ca_core.registration.sheet import Places
from ca_core.store.outbox import Parcel
from server.letters import Letters

AT = 1_900_000_000
DAY = 86_400
PLACES = Places("https://ca.example/acme/directory", "https://ca.example:8444/est", "https://ca.example/", "ca.pem")
TOLD = (
    Told("ab" * 20, "tls-server", ("dns:a.example",), AT + 30 * DAY, AT),
    Told("cd" * 20, "tls-server", (), AT + 30 * DAY, AT),
)
LETTERS = Letters("ca@ca.example", PLACES, "https://ca.example")


def registration(language: str) -> Registration:
    return Registration(
        id="r",
        account="acc",
        kind="organization",
        status=Status.ACTIVE,
        subject="CN=a",
        subject_der=b"",
        grants=(),
        profiles=("tls-server",),
        language=language,
        uses=None,
        sheet=1,
        created_at=0,
        expires_at=AT,
        contact_read=Contact(email="ops@acc.example"),
    )


def letter(topic: Topic, language: str = "en", *, days: int | None = 30, more: int = 0) -> EmailMessage:
    one = Notice(
        topic=topic,
        key="k",
        registration_id="r",
        at=AT,
        certificates=TOLD if topic in {Topic.REVOKED, Topic.ABOUT_TO_EXPIRE} else (),
        more=more,
        days=days,
        ends_at=AT + DAY if topic is Topic.REGISTRATION_ENDS else None,
        reason="keyCompromise",
        number=7,
    )
    token = None if topic in LEGALLY_DUE else "r.0123"
    parcel = Parcel("0007", "mail", one, AT, 1)
    return LETTERS.write(parcel, Reader(registration(language), "ops@acc.example", one, token))


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return cast("str", body.get_content())


def entries(message: EmailMessage) -> tuple[str, list[dict[str, str]]]:
    (part,) = message.iter_attachments()
    calendar = cast("Any", Calendar.from_ical(part.get_content()))
    found = [{key: component[key].to_ical().decode() for key in component} for component in calendar.walk("VEVENT")]
    assert part.get_param("method") == calendar["METHOD"]
    return str(calendar["METHOD"]), found


@pytest.mark.parametrize("language", ["en", "zh-Hant"])
@pytest.mark.parametrize("topic", sorted(MAILED))
def test_each_notice_has_its_words_in_each_language(topic: Topic, language: str) -> None:
    message = letter(topic, language, more=3)

    body = text_of(message)

    assert "acc" in message["Subject"]
    assert "acc" in body
    assert not set("{}") & set(body + message["Subject"])
    assert any("\u4e00" <= character <= "\u9fff" for character in body) is (language == "zh-Hant")


def test_a_language_that_we_do_not_have_is_english() -> None:
    assert text_of(letter(Topic.SUSPENDED, "fr")) == text_of(letter(Topic.SUSPENDED, "en"))


def test_what_expires_is_named_with_its_window_and_what_to_do() -> None:
    body = text_of(letter(Topic.ABOUT_TO_EXPIRE, more=3))

    assert "dns:a.example" in body
    assert "2030-03-17T17:46:40Z to 2030-04-16T17:46:40Z" in body
    assert "certbot renew" in body
    assert PLACES.portal_url in body
    assert "and 3 more" in body


def test_a_reminder_can_be_declined_and_what_is_legally_due_cannot() -> None:
    link = "https://ca.example/notices?token=r.0123"
    reminder = letter(Topic.ABOUT_TO_EXPIRE)

    assert reminder["List-Unsubscribe"] == f"<{link}>"
    assert reminder["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert link in text_of(reminder)
    for topic in LEGALLY_DUE:
        assert letter(topic)["List-Unsubscribe"] is None


def test_a_message_is_known_by_its_identity_and_answered_by_nobodys_holiday() -> None:
    message = letter(Topic.SUSPENDED)

    assert message["Message-ID"] == "<0007@ca.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert (message["From"], message["To"]) == ("ca@ca.example", "ops@acc.example")


def test_the_calendar_has_the_window_of_each_certificate() -> None:
    method, found = entries(letter(Topic.ABOUT_TO_EXPIRE))

    assert method == "PUBLISH"
    assert [one["UID"] for one in found] == [f"renewal-{told.serial}@soapstone" for told in TOLD]
    assert {(one["DTSTART"], one["DTEND"]) for one in found} == {("20300317T174640Z", "20300416T174640Z")}


def test_a_later_notice_takes_the_place_of_an_earlier_one_and_a_revocation_takes_it_away() -> None:
    letters = [letter(Topic.ABOUT_TO_EXPIRE, days=days) for days in (30, 7, 1)] + [letter(Topic.REVOKED, days=None)]

    made = [entries(one) for one in letters]

    sequences = [int(found[0]["SEQUENCE"]) for _, found in made]
    assert sequences == sorted(set(sequences))
    assert {found[0]["UID"] for _, found in made} == {f"renewal-{TOLD[0].serial}@soapstone"}
    assert (made[-1][0], made[-1][1][0]["STATUS"]) == ("CANCEL", "CANCELLED")


def test_nothing_gets_into_a_header_by_way_of_an_address() -> None:
    one = Notice(topic=Topic.SUSPENDED, key="k", registration_id="r", at=AT)
    reader = Reader(registration("en"), "a@b.example\r\nBcc: all@b.example", one, None)

    with pytest.raises(ValueError, match=r"(?i)header|newline|linefeed"):
        LETTERS.write(Parcel("0007", "mail", one, AT, 1), msgspec.structs.replace(reader))


def test_the_header_for_declining_is_an_address_on_the_wire_however_long_it_is() -> None:
    public = "https://registration-authority.some-department.organization.example:8443"
    token = f"{'ab' * 16}.{'cd' * 16}"
    one = Notice(topic=Topic.ABOUT_TO_EXPIRE, key="k", registration_id="r", at=AT, certificates=TOLD, days=30)
    reader = Reader(registration("en"), "ops@acc.example", one, token)

    message = Letters("ca@ca.example", PLACES, public).write(Parcel("0007", "mail", one, AT, 1), reader)

    # As a mail program reads it: unfolded (RFC 5322, 2.2.3), and not decoded (RFC 2369, 2).
    head = flatten_message(message).partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").decode()
    (field,) = (line for line in head.splitlines() if line.startswith("List-Unsubscribe:"))
    assert field == f"List-Unsubscribe: <{public}/notices?token={token}>"
    assert (
        message_from_bytes(message.as_bytes(), policy=default)["List-Unsubscribe"]
        == f"<{public}/notices?token={token}>"
    )

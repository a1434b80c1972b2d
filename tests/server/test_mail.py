"""Handing mail to real mail servers, which take it, put it off, refuse it and hang up."""

from __future__ import annotations

import ssl
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

import pytest

from ca_core.notices.outbox import NotEver, NotNow
from ca_core.secret import Secret
from server.mail import MailServer
from server.setting_tables import Mail
from tests.builders.listening import free_port
from tests.builders.mail import Mailbox, hanging_up, mail_server, server_tls
from tests.builders.tls import TestCa

TO = "ops@acc.example"
CA = TestCa()


def letter() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ca@ca.example", TO, "密碼單"
    message["Message-ID"] = "<0007@ca.example>"
    message.set_content("您好\n.\n..\n")
    return message


def sending(
    port: int,
    security: Literal["starttls", "tls", "none"] = "none",
    *,
    host: str = "localhost",
    password: str | None = None,
    trusted: TestCa = CA,
) -> MailServer:
    tls = ssl.create_default_context(cadata=trusted.pem)
    mail = Mail(
        host=host, port=port, security=security, sender="ca@ca.example", username="ca" if password else "", password="x"
    )
    return MailServer(mail, Secret(password) if password else None, tls)


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    return server_tls(str(CA.issue("localhost").written(tmp_path / "mail.pem")))


async def test_mail_arrives_as_it_was_written() -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        await sending(port).take(letter(), recipient=TO)

    (got,) = mailbox.got
    assert (got["Subject"], got["Message-ID"]) == ("密碼單", "<0007@ca.example>")
    assert got.get_content().splitlines() == ["您好", ".", ".."]
    assert mailbox.recipients == [[TO]]


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_mail_goes_over_tls_with_a_login(tls: ssl.SSLContext, security: Literal["starttls", "tls"]) -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox, tls=tls, starts_tls=security == "starttls", needs_login=True) as port:
        await sending(port, security, password="secret").take(letter(), recipient=TO)

    assert mailbox.users == [b"ca"]
    assert len(mailbox.got) == 1


async def test_who_does_not_prove_to_be_the_mail_server_gets_nothing(tls: ssl.SSLContext) -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox, tls=tls) as port:
        for sender in (sending(port, "starttls", host="127.0.0.1"), sending(port, "starttls", trusted=TestCa())):
            with pytest.raises(NotNow):
                await sender.take(letter(), recipient=TO)

    assert mailbox.got == []


async def test_a_mail_server_without_tls_gets_no_mail_that_is_to_go_over_tls() -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        with pytest.raises(NotNow):
            await sending(port, "starttls", password="secret").take(letter(), recipient=TO)

    assert mailbox.got == []
    assert mailbox.users == []


async def test_a_wrong_login_is_ours_to_mend_and_loses_no_mail(tls: ssl.SSLContext) -> None:
    async with mail_server(Mailbox(), tls=tls, needs_login=True) as port:
        with pytest.raises(NotNow, match="535") as refused:
            await sending(port, "starttls", password="wrong").take(letter(), recipient=TO)

    assert refused.value.is_channel


@pytest.mark.parametrize(
    "mailbox", [Mailbox(rcpt=("450 greylisted",)), Mailbox(data=("451 try again",))], ids=["RCPT", "DATA"]
)
async def test_what_is_put_off_is_taken_later(mailbox: Mailbox) -> None:
    async with mail_server(mailbox) as port:
        with pytest.raises(NotNow, match=r"45[01]") as later:
            await sending(port).take(letter(), recipient=TO)
        await sending(port).take(letter(), recipient=TO)

    assert not later.value.is_channel
    assert len(mailbox.got) == 1


@pytest.mark.parametrize(
    "mailbox", [Mailbox(rcpt=("550 no such user",)), Mailbox(data=("554 no",))], ids=["RCPT", "DATA"]
)
async def test_what_is_refused_for_good_is_not_tried_again(mailbox: Mailbox) -> None:
    async with mail_server(mailbox) as port:
        with pytest.raises(NotEver, match=r"55[04]"):
            await sending(port).take(letter(), recipient=TO)


async def test_a_mail_server_that_hangs_up_in_the_middle_or_is_away_is_tried_again() -> None:
    async with hanging_up() as port:
        with pytest.raises(NotNow) as cut:
            await sending(port).take(letter(), recipient=TO)
    with pytest.raises(NotNow) as away:
        await sending(free_port()).take(letter(), recipient=TO)

    assert cut.value.is_channel
    assert away.value.is_channel

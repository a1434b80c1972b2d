"""What an operator may set about notices."""

from __future__ import annotations

from pathlib import Path

import pytest

from ca_core.errors import Misconfigured
from server import settings
from server.notice_settings import tls_context
from server.settings import Settings

FIRST = Settings(host="localhost", port=8443)
MAIL = ('mail.host="mail.example"', 'mail.sender="ca@ca.example"')
HOOK = (
    'webhooks.shop.url="https://shop.example/hooks"',
    'webhooks.shop.secret="file:secrets/shop"',
    'webhooks.shop.events=["issued", "about-to-expire"]',
)


def test_mail_and_webhooks_can_be_set() -> None:
    made = settings.with_assignments(FIRST, (*MAIL, *HOOK))

    assert (made.mail.port, made.mail.security, made.mail.per_minute) == (587, "starttls", 60)
    assert made.webhooks["shop"].events == ("issued", "about-to-expire")


@pytest.mark.parametrize(
    ("assignments", "said"),
    [
        (MAIL[:1], "mail.sender"),
        ((*MAIL, 'mail.sender="ca"'), "mail.sender"),
        ((*MAIL, 'mail.host="a b"'), "mail.host"),
        ((*MAIL, "mail.port=0"), "mail.port"),
        ((*MAIL, 'mail.security="none"'), "mail.security"),
        ((*MAIL, 'mail.username="ca"'), "mail.password"),
        ((*MAIL, "mail.per_minute=0"), "mail.per_minute"),
        ((*HOOK, 'webhooks.shop.url="http://shop.example/"'), "webhooks.shop.url"),
        ((*HOOK, 'webhooks.shop.url="https://u:p@shop.example/"'), "webhooks.shop.url"),
        ((*HOOK, 'webhooks.shop.url="https://[x/"'), "webhooks.shop.url"),
        ((*HOOK, 'webhooks.shop.events=["deleted"]'), "webhooks.shop.events"),
        ((*HOOK, 'webhooks.shop.realm="No Such"'), "webhooks.shop.realm"),
        ((*HOOK, 'webhooks."Shop!".url="https://shop.example/"'), "webhooks"),
        ((*HOOK, "webhooks.shop.events=[]"), "webhooks.shop.events"),
        ((*HOOK, 'webhooks.shop.networks=["10.0.0.1/8"]'), "webhooks.shop.networks"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(assignments: tuple[str, ...], said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        settings.with_assignments(FIRST, assignments)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_mail_server_on_this_machine_needs_no_tls(host: str) -> None:
    made = settings.with_assignments(FIRST, (*MAIL, f'mail.host="{host}"', 'mail.security="none"'))

    assert made.mail.host == host


def test_a_file_of_cas_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"mail\.trust_anchors"):
        tls_context("mail.trust_anchors", "none.pem", tmp_path)

"""What a subscriber gets by mail and a partner by webhook, from a running server, through restarts and outages."""

from __future__ import annotations

import re
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.clients.device import Device
from conformance.house import House, free_ports
from conformance.partners import Mailbox, Shop, mail_server
from conformance.waiting import until

_HOOK = ("webhooks.shop.url=https://shop.example/hooks", 'webhooks.shop.events=["issued"]')
_CONTACT = '{"email":"ops@dev.example"}'


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path, free_ports())


@pytest.fixture
def smtp() -> int:
    return free_ports()


@pytest.fixture
def told(tmp_path: Path, store: str, shop: Shop, smtp: int) -> Iterator[House]:
    """A house that tells a mail server and a shop, which are not there yet."""
    house = House(
        tmp_path,
        *("mail.host=127.0.0.1", f"mail.port={smtp}", "mail.security=none", "mail.sender=ca@ca.example"),
        *(f"webhooks.shop.url=https://localhost:{shop.port}/hooks", "webhooks.shop.secret=file:secrets/shop"),
        'webhooks.shop.events=["issued", "renewed", "revoked", "about-to-expire"]',
        'webhooks.shop.networks=["127.0.0.0/8", "::1/128"]',
        f"webhooks.shop.trust_anchors={shop.certificate}",
        store=store,
    )
    (house.home / "secrets" / "shop").write_text(shop.secret)
    house.start()
    yield house
    house.close()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("mail.username=ca", "mail.password=plain"), "mail.password: a secret is a reference"),
        (("mail.username=ca", "mail.password=file:secrets/none"), "mail.password: cannot read the secret"),
        ((*_HOOK, "webhooks.shop.secret=file:secrets/none"), "webhooks.shop.secret: cannot read the secret"),
        ((*_HOOK, "webhooks.shop.secret=file:soapstone.toml"), "webhooks.shop.secret: a webhook's secret is whsec_"),
        (("passwords.blocklist=none.txt",), "passwords.blocklist: cannot read"),
    ],
)
def test_doctor_names_the_setting_whose_file_is_not_right(tmp_path: Path, settings: tuple[str, ...], said: str) -> None:
    house = House(tmp_path, "mail.host=mail.example", "mail.sender=ca@ca.example", *settings)

    done = house.attempt("doctor")

    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert said in done.stderr


def registered(house: House) -> dict[str, str]:
    sheet = house.register("--kind", "device", "--subject", "CN=dev", "--dns", "dev.example", "--language", "en")
    house.behind_its_back(f"UPDATE registrations SET contact = '{_CONTACT}' WHERE account = '{sheet['account']}'")  # noqa: S608  # our own
    return sheet


def post(url: str, house: House) -> int:
    """What the button of a mail program does (RFC 8058, 3.2)."""
    asked = urllib.request.Request(url, b"List-Unsubscribe=One-Click", method="POST")  # noqa: S310  # our own
    with urllib.request.urlopen(asked, context=ssl.create_default_context(cafile=house.trust)) as answer:  # noqa: S310  # as above
        status: int = answer.status
    return status


def test_a_certificates_life_is_told_once_whatever_restarts(told: House, shop: Shop, smtp: int, tmp_path: Path) -> None:
    mailbox, device = Mailbox(), Device(told, tmp_path / "device")
    with mail_server(mailbox, smtp), shop.open():
        sheet = registered(told)
        assert device.enroll(sheet) == 200
        until(lambda: shop.events() == ["issued"], what="the partner hears of the certificate")
        told.move_clock(days=61)
        until(lambda: "about-to-expire" in shop.events(), what="the partner hears that it expires")
        until(lambda: mailbox.about("expire"), what="the subscriber hears that it expires")
        told.kill()
        told.start()
        device.ask_like(device.certificate)
        assert device.reenroll() == 200
        until(lambda: "renewed" in shop.events(), what="the partner hears of the renewal")
        serial = told.certificates(sheet["account"])[-1]["serial"]
        told.command("revoke", serial, "--reason", "superseded")
        told.command("suspend", sheet["account"])
        until(lambda: mailbox.about("suspended"), what="the subscriber hears of that")
        until(lambda: "mail: 0 wait" in told.command("doctor"), what="it is put down that all was sent")

    (expiry,), (revoked,), (_,) = (mailbox.about(word) for word in ("expire", "revoked", "suspended"))
    assert shop.events() == ["issued", "about-to-expire", "renewed", "revoked"]
    assert [next(one.iter_attachments()).get_param("method") for one in (expiry, revoked)] == ["PUBLISH", "CANCEL"]
    assert [one.rstrip() for one in told.command("doctor").splitlines() if one.startswith("notices")] == [
        "notices         ok  mail: 0 wait",
        "notices         ok  webhook:shop: 0 wait",
    ]


def test_reminders_are_declined_with_one_click(told: House, shop: Shop, smtp: int, tmp_path: Path) -> None:
    mailbox, device = Mailbox(), Device(told, tmp_path / "device")
    with mail_server(mailbox, smtp), shop.open():
        sheet = registered(told)
        assert device.enroll(sheet) == 200
        until(lambda: shop.events() == ["issued"], what="the journal is read")
        told.move_clock(days=61)
        until(lambda: mailbox.about("expire"), what="the subscriber hears that it expires")
        link = str(mailbox.about("expire")[0]["List-Unsubscribe"]).strip("<>")

        assert post(link, told) == 200

        told.move_clock(days=84)
        until(lambda: shop.events().count("about-to-expire") == 2, what="the partner hears that it expires")
        told.command("suspend", sheet["account"])
        until(lambda: mailbox.about("suspended"), what="what is legally due comes all the same")

    assert len(mailbox.about("expire")) == 1


def test_what_could_not_be_told_is_said_by_doctor_and_told_when_it_can_be(
    told: House, shop: Shop, smtp: int, tmp_path: Path
) -> None:
    sheet, device = registered(told), Device(told, tmp_path / "device")
    assert device.enroll(sheet) == 200
    told.command("suspend", sheet["account"])
    until(lambda: told.command("doctor").count("notices         --") == 2, what="doctor says what waits")
    said = told.command("doctor")
    assert re.search(r"--  mail: [12] wait, since .*; failed [0-9]+ times in a row", said)
    assert re.search(r"--  webhook:shop: 1 wait, since .*; failed [0-9]+ times in a row", said)
    told.kill()
    told.start()
    mailbox = Mailbox(put_off=1)

    with mail_server(mailbox, smtp), shop.open():
        told.move_clock(days=0.1)
        until(lambda: mailbox.offered and shop.told, what="both are asked again")
        # Put down as well, and by the clock of now: what is put off later is due later.
        put_off = "SELECT id FROM outbox WHERE why LIKE '%451%'"
        until(lambda: told.behind_its_back(put_off), what="it is put down that the mail was put off")
        told.move_clock(days=0.2)
        until(lambda: mailbox.offered[0] in mailbox.offered[1:], what="what was put off is sent again")

    assert shop.events() == ["issued"]
    assert len(mailbox.about("suspended")) == 1

"""What a phone or a device reads from the QR code."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import segno

from ca_core.registration.sheet import Sheet
from server.sheets import addresses, qr
from tests.server.sheets.papers import PLACES, device_sheet, sheet


def test_the_code_of_a_person_opens_the_portal_and_its_secret_is_in_the_fragment() -> None:
    made = sheet()
    assert made.initial_password is not None

    link = addresses.link(made, PLACES)

    assert link is not None
    url = urlsplit(link.reveal())
    assert url._replace(fragment="").geturl() == PLACES.portal_url
    assert parse_qs(url.fragment) == {"account": [made.account], "password": [made.initial_password.reveal()]}


def test_the_code_of_a_device_is_its_est_address_with_account_and_code_in_the_fragment() -> None:
    made = device_sheet()
    assert made.enrollment_code is not None

    link = addresses.link(made, PLACES)

    assert link is not None
    address, _, fragment = link.reveal().partition("#")
    assert address == PLACES.est_url
    assert parse_qs(fragment) == {"account": [made.account], "code": [made.enrollment_code.reveal()]}


def test_a_sheet_without_password_and_code_has_no_qr_code() -> None:
    assert addresses.link(Sheet("acc", "CN=x", 1, None, None, sheet().eab), PLACES) is None


def test_the_link_does_not_show_itself() -> None:
    made = sheet()
    assert made.initial_password is not None

    assert made.initial_password.reveal() not in repr(addresses.link(made, PLACES))


def test_the_drawing_is_of_that_link_and_survives_stains() -> None:
    link = addresses.link(sheet(), PLACES)
    assert link is not None

    drawn = qr.svg(link)

    made = segno.make_qr(link.reveal(), error="q")
    assert made.error in {"Q", "H"}
    assert drawn.startswith("<svg")
    assert f'width="{made.symbol_size(border=4)[0]}"' in drawn

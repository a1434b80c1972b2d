"""RFC 7030, 3.2.2: what a label of a path stands for, and what holds without one."""

from __future__ import annotations

import pytest

from ca_core import names
from protocols.est.errors import UnknownLabel
from protocols.est.labels import PLAIN, Label, Labels, Wire

DEVICE = Label(wire=Wire.RFC)
LABELS = Labels({"device": DEVICE, "signing": Label()})


def test_a_label_is_what_is_set_for_it_and_no_label_is_plain() -> None:
    assert LABELS.named("device") is DEVICE
    assert LABELS.named(None) is PLAIN


def test_a_label_that_is_not_there_is_refused() -> None:
    with pytest.raises(UnknownLabel):
        LABELS.named("own-tls")


def test_without_a_label_the_first_profile_that_est_offers_holds() -> None:
    assert LABELS.name_for(None, ("acme-only", "signing", "device")) == "signing"
    assert LABELS.name_for("device", ("signing",)) == "device"
    assert LABELS.name_for(None, ("acme-only",)) is None


RA = Label(ra_clients={"gateway": ("meter-7", ".fleet.example")})
ONE, TWO = names.dns("a.fleet.example"), names.dns("b.example")


@pytest.mark.parametrize(
    ("client", "account", "asked", "lets"),
    [
        ("gateway", "meter-7", (), True),
        ("gateway", "meter-7", (TWO,), True),
        ("gateway", "meter-8", (), False),
        ("gateway", "meter-8", (ONE,), True),
        ("gateway", "meter-8", (ONE, TWO), False),
        ("gateway", "meter-8", (names.dns("fleet.example"),), False),
        ("gateway", "meter-8", (names.dns("*.fleet.example"),), False),
        ("gateway", "meter-8", (names.email("a@a.fleet.example"),), False),
        ("another", "meter-7", (), False),
    ],
)
def test_a_client_asks_for_accounts_by_name_and_for_names_below_a_zone(
    client: str, account: str, asked: tuple[names.Identifier, ...], lets: bool
) -> None:
    assert RA.lets_ask(client, account, asked) is lets


def test_who_may_ask_for_others_is_known_whatever_the_label() -> None:
    labels = Labels({"device": RA, "signing": Label()})

    assert labels.is_ra("gateway")
    assert not labels.is_ra("meter-7")
    assert labels.for_applicant(None, ("device",)) is RA
    assert labels.for_applicant(None, ()) is PLAIN

from __future__ import annotations

import msgspec

from ca_core import names
from ca_core.revocation.selector import Selector


class Named(msgspec.Struct):
    serial: str
    names: str


SHOP = Named("aa", "dns:shop.example\ndns:www.shop.example")


def test_no_condition_is_not_narrow() -> None:
    assert not Selector().is_narrow
    assert Selector(profile="device").is_narrow
    assert Selector(serials=frozenset({"aa"})).is_narrow


def test_a_name_is_matched_whole() -> None:
    assert Selector(name=names.dns("shop.example")).matches(SHOP)
    assert Selector(name=names.dns("www.shop.example")).matches(SHOP)
    assert not Selector(name=names.dns("op.example")).matches(SHOP)


def test_serials_and_names_are_both_conditions() -> None:
    assert Selector(serials=frozenset({"aa", "bb"})).matches(SHOP)
    assert not Selector(serials=frozenset({"bb"})).matches(SHOP)
    assert not Selector(serials=frozenset({"aa"}), name=names.dns("bank.example")).matches(SHOP)


def test_a_selector_says_in_words_what_it_selects() -> None:
    everything = Selector(
        account="acme",
        profile="device",
        issuer="issuing",
        name=names.dns("a.example"),
        issued_since=0,
        issued_until=86_400,
        spki_sha256=bytes(2),
        serials=frozenset({"aa"}),
    )

    assert str(everything) == (
        "account acme, profile device, issuer issuing, name dns:a.example, issued since 1970-01-01T00:00:00Z,"
        " issued until 1970-01-02T00:00:00Z, key 0000, serials 1"
    )
    assert str(Selector(profile="device")) == "profile device"

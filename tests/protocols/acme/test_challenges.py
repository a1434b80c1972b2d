"""RFC 8555, 8; RFC 8737; RFC 8738; draft-ietf-acme-dns-account-label-03."""

from __future__ import annotations

import pytest

from ca_core import names
from protocols.acme import challenges

ADDRESSES = (names.ip("192.0.2.7"), names.ip("2001:db8::1"))


def test_a_name_is_proved_in_every_standard_way() -> None:
    assert challenges.offered(names.dns("www.example")) == ("http-01", "dns-01", "tls-alpn-01")


def test_a_wildcard_is_proved_in_the_dns_only() -> None:
    assert challenges.offered(names.dns("*.example.com"), challenges.KNOWN) == (
        "dns-01",
        "dns-account-01",
        "dns-persist-01",
    )


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_proved_where_it_answers_only(address: names.Identifier) -> None:
    assert challenges.offered(address, challenges.KNOWN) == ("http-01", "tls-alpn-01")


def test_what_is_no_place_on_a_network_is_proved_by_nothing() -> None:
    assert challenges.offered(names.permanent("device-1")) == ()


def test_only_what_the_operator_chose_is_offered() -> None:
    assert challenges.offered(names.dns("www.example"), ("dns-01",)) == ("dns-01",)
    assert challenges.offered(names.dns("*.example.com"), ("http-01",)) == ()


def test_a_vetted_wildcard_never_shows_http_01() -> None:
    assert challenges.shown(names.dns("*.example.com")) == "dns-01"
    assert challenges.shown(names.dns("www.example.com")) == "http-01"


def test_the_txt_record_is_below_the_name_without_the_star() -> None:
    url = "https://example.com/acme/acct/ExampleAccount"

    assert challenges.txt_name("dns-01", names.dns("*.example.org"), url) == "_acme-challenge.example.org"
    assert challenges.txt_name("dns-persist-01", names.dns("*.example.org"), url) == "_validation-persist.example.org"
    # The draft's own example.
    assert (
        challenges.txt_name("dns-account-01", names.dns("example.org"), url)
        == "_ujmmovf2vn55tgye._acme-challenge.example.org"
    )


def test_the_txt_value_is_the_digest_of_the_key_authorization() -> None:
    # RFC 8555, 8.1 and 8.4, with the digest as `openssl dgst` computes it.
    value = challenges.txt_value(challenges.key_authorization("token", "thumbprint"))

    assert value == "61rBZ_4knHblO0MNoxFsXZ_eTFUHum0B6IVRbhvUn5I"

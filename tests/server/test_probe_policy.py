"""Where probes may go: addresses and redirects, judged without a network (DESIGN, invariant 12)."""

from __future__ import annotations

import contextlib
from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from server.probes.http_01 import redirect_target
from server.probes.policy import ProbePolicy, Unseen, objection

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
PUBLIC = ProbePolicy()


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            "8.8.8.8",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.255.254",
            "100.64.0.1",
            "2606:4700::1111",
            "fd12:3456:789a::1",
            "::ffff:8.8.8.8",
            "::ffff:10.0.0.1",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
        ],
    )
    def test_public_and_private_addresses_may_be_dialled(self, address: str) -> None:
        assert objection(ip_address(address), 80, PUBLIC) is None

    @pytest.mark.parametrize(
        ("address", "what"),
        [
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:0:127.0.0.1", "loopback"),
            ("::127.0.0.1", "loopback"),
            ("64:ff9b::127.0.0.1", "loopback"),
            ("2002:7f00:1::1", "loopback"),
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "unspecified"),
            ("::", "unspecified"),
            ("::ffff:0.0.0.0", "unspecified"),
            ("::2", "unspecified"),
            ("169.254.169.254", "link-local"),
            ("::ffff:169.254.169.254", "link-local"),
            ("64:ff9b::169.254.169.254", "link-local"),
            ("2002:a9fe:a9fe::1", "link-local"),
            ("fe80::1", "link-local"),
            ("fe80::1%1", "link-local"),
            ("fec0::1", "link-local"),
            ("fd00:ec2::254", "metadata"),
            ("100.100.100.200", "metadata"),
            ("168.63.129.16", "metadata"),
            ("fd20:ce::254", "metadata"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.250", "multicast"),
            ("255.255.255.255", "broadcast"),
            ("ff02::1", "multicast"),
            ("192.0.0.192", "special use"),
            ("192.0.2.1", "special use"),
            ("192.88.99.1", "special use"),
            ("198.18.0.1", "special use"),
            ("198.51.100.1", "special use"),
            ("203.0.113.1", "special use"),
            ("240.0.0.1", "special use"),
            ("64:ff9b:1::7f00:1", "special use"),
            ("100::1", "special use"),
            ("2001::1", "special use"),
            ("2001:db8::1", "special use"),
            ("3fff::1", "special use"),
            ("5f00::1", "special use"),
        ],
    )
    def test_special_addresses_may_not(self, address: str, what: str) -> None:
        assert what in (objection(ip_address(address), 80, PUBLIC) or "may be dialled")

    @pytest.mark.parametrize(
        ("address", "network"),
        [
            ("127.0.0.1", "127.0.0.0/8"),
            ("::ffff:127.0.0.1", "127.0.0.0/8"),
            ("::1", "::1/128"),
            ("169.254.169.254", "169.254.169.254/32"),
            ("fe80::1", "fe80::/10"),
        ],
    )
    def test_a_special_network_that_is_named_may(self, address: str, network: str) -> None:
        assert objection(ip_address(address), 80, ProbePolicy(allowed=(ip_network(network),))) is None

    def test_a_zone_makes_no_other_address_of_an_own_listener(self) -> None:
        policy = ProbePolicy(own_listeners=frozenset({(ip_address("fd00::1"), 443)}))

        assert objection(ip_address("fd00::1%1"), 443, policy) == "one of our own listeners"

    def test_naming_one_network_opens_no_other(self) -> None:
        policy = ProbePolicy(allowed=(ip_network("127.0.0.0/8"),))

        assert objection(ip_address("::1"), 80, policy)
        assert objection(ip_address("169.254.169.254"), 80, policy)

    @given(st.ip_addresses(v=4))
    def test_an_ipv4_address_is_judged_alike_in_every_dress(self, address: IPv4Address) -> None:
        plain = objection(address, 80, PUBLIC)

        for dress in (f"::ffff:{address}", f"::ffff:0:{address}", f"64:ff9b::{address}"):
            assert objection(ip_address(dress), 80, PUBLIC) == plain


@given(st.text(max_size=40) | st.from_regex(r"https?://[^/]{0,12}(:[0-9]{0,6})?/.{0,20}"))
def test_any_location_is_followed_or_ends_the_probe(location: str) -> None:
    with contextlib.suppress(Unseen):
        target = redirect_target(URL("http://www.example.com/"), location, PUBLIC)

        assert target.scheme in {"http", "https"}
        assert target.port in {80, 443}
        assert target.host

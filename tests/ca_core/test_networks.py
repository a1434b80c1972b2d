from __future__ import annotations

import pytest

from ca_core import networks
from ca_core.errors import BadRequest


@pytest.mark.parametrize(
    ("text", "normal"),
    [("10.0.0.0/8", "10.0.0.0/8"), ("192.0.2.7", "192.0.2.7/32"), ("2001:DB8:0::/32", "2001:db8::/32")],
)
def test_a_network_has_one_spelling(text: str, normal: str) -> None:
    assert networks.checked(text) == normal


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "10.0.0.0/33", "example.com", "10.0.0.0-10.0.0.9"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="is not a network"):
        networks.checked(text)


def test_an_ipv4_address_over_an_ipv6_socket_is_judged_as_what_it_is() -> None:
    assert networks.is_within("::ffff:10.1.2.3", ["10.0.0.0/8"])
    assert not networks.is_within("::ffff:11.1.2.3", ["10.0.0.0/8"])


def test_what_is_no_address_is_nowhere() -> None:
    assert not networks.is_within("unknown", ["0.0.0.0/0", "::/0"])

from __future__ import annotations

import pytest

from ca_core.errors import BadName
from server.cli.naming import identifier


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("www.example.com", "dns:www.example.com"),
        ("WWW.Example.com", "dns:www.example.com"),
        ("*.Example.com", "dns:*.example.com"),
        ("商店.example", "dns:xn--czrs0t.example"),
        ("192.0.2.1", "ip:192.0.2.1"),
        ("2001:db8::1", "ip:2001:db8::1"),
        ("ip:2001:db8::1", "ip:2001:db8::1"),
        ("yiru@example.com", "email:yiru@example.com"),
        ("urn://x", "uri:urn://x"),
        ("permanent-identifier:SN-1", "permanent-identifier:SN-1"),
    ],
)
def test_a_name_is_read_as_it_is_typed(typed: str, expected: str) -> None:
    assert str(identifier(typed)) == expected


@pytest.mark.parametrize("typed", ["", "a b", "dns:192.0.2.1", "ip:2001:DB8::1", "xn--a\u00fc.example"])
def test_what_is_no_name_is_refused(typed: str) -> None:
    with pytest.raises(BadName):
        identifier(typed)


def test_what_is_said_of_a_name_is_no_longer_than_people_read() -> None:
    with pytest.raises(BadName) as caught:
        identifier("dns:" + "\u00fc may not be granted to a registration of the kind " * 1000)

    assert len(str(caught.value)) < 400

from __future__ import annotations

import pytest

from ca_core import names
from ca_core.errors import NameNotGranted, ProfileNotGranted
from ca_core.registration import limits
from ca_core.registration.account import Grant, Registration, Status
from ca_core.registration.limits import Limits

GRANTS = (
    Grant(names.dns("example.com"), zone=True),
    Grant(names.dns("www.example.net")),
    Grant(names.dns("*.example.net")),
    Grant(names.ip("192.0.2.7")),
    Grant(names.ip("2001:db8::7")),
    Grant(names.email("wang@example.com")),
    Grant(names.uri("urn:meter:7")),
)
WHO = Registration(
    id="1",
    account="acc",
    kind="partner",
    status=Status.ACTIVE,
    subject="CN=acc",
    subject_der=b"",
    grants=GRANTS,
    profiles=("tls-server",),
    language="en",
    uses=None,
    sheet=1,
    created_at=0,
    expires_at=1,
)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("WWW.example.net ", "dns:www.example.net"),
        ("*.example.net", "dns:*.example.net"),
        ("dns:www.example.net", "dns:www.example.net"),
        (".Example.com", "zone:example.com"),
        ("zone:a.example.com", "zone:a.example.com"),
        ("zone:example.net", "zone:example.net"),
        ("192.0.2.7", "ip:192.0.2.7"),
        ("2001:db8::7", "ip:2001:db8::7"),
        ("wang@example.com", "email:wang@example.com"),
        ("uri:urn:meter:7", "uri:urn:meter:7"),
    ],
)
def test_names_are_written_as_what_they_can_only_be(text: str, normal: str) -> None:
    assert limits.checked((text, "", text), WHO) == (normal,)


def test_of_what_is_not_registered_nothing_limits() -> None:
    for text in ("a.example.org", ".example.org", "zone:org"):
        with pytest.raises(NameNotGranted):
            limits.checked((text,), WHO)


def test_a_zone_covers_what_is_below_it_and_neither_itself_nor_wildcards() -> None:
    limited = Limits("EAB key", names=("zone:example.com", "dns:*.example.net", "ip:192.0.2.7"))

    limited.require_names([names.dns("a.b.example.com"), names.dns("*.example.net"), names.ip("192.0.2.7")])

    for name in (names.dns("example.com"), names.dns("*.example.com"), names.ip("192.0.2.8"), names.dns("example.net")):
        with pytest.raises(NameNotGranted, match="this EAB key is not for"):
            limited.require_names([name])


def test_what_is_for_some_names_is_for_no_certificate_without_any() -> None:
    limits.NONE.require_names([])

    with pytest.raises(NameNotGranted, match=r"for certificates with dns:a\.example, and not for one without a name"):
        Limits("enrollment code", names=("dns:a.example",)).require_names([])


def test_what_has_no_limits_is_for_everything() -> None:
    limits.NONE.require_names([names.dns("a.example")])
    limits.NONE.require_profile("device")

    with pytest.raises(ProfileNotGranted, match="is for device"):
        Limits(profiles=("device",)).require_profile("tls-server")

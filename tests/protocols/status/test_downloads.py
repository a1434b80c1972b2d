"""RFC 2585, and RFC 9110 on what caches are told."""

from __future__ import annotations

import pytest

from protocols.status import downloads

NOW = 1_900_000_000
HOUR = 3600


def crl(*, number: int = 1, this_update: int = NOW, next_update: int = NOW + 24 * HOUR) -> downloads.Download:
    return downloads.crl(b"der", number=number, this_update=this_update, next_update=next_update, now=NOW)


@pytest.mark.parametrize(
    ("next_update", "max_age"),
    [(NOW + 24 * HOUR, 30), (NOW + 20, 20), (NOW, 0), (NOW - 60, 0)],
)
def test_caches_keep_a_crl_until_the_next_one_and_at_most_half_a_minute(next_update: int, max_age: int) -> None:
    assert crl(next_update=next_update).max_age_seconds == max_age


def test_another_crl_has_another_entity_tag() -> None:
    tags = {crl().etag, crl(number=2).etag, crl(this_update=NOW - 1).etag}

    assert len(tags) == 3


def test_a_crl_is_served_with_all_that_caches_ask_for() -> None:
    reply = downloads.reply(crl(), if_none_match="")

    assert reply.status == 200
    assert reply.body == b"der"
    assert dict(reply.headers) == {
        "Content-Type": "application/pkix-crl",
        "ETag": '"1-1900000000"',
        "Cache-Control": "public, max-age=30",
        "Last-Modified": "Sun, 17 Mar 2030 17:46:40 GMT",
    }


def test_who_has_it_already_gets_304_without_a_body() -> None:
    reply = downloads.reply(crl(), if_none_match='"1-1900000000"')

    assert reply.status == 304
    assert reply.body == b""
    assert "ETag" in dict(reply.headers)
    assert "Content-Type" not in dict(reply.headers)


def test_der_and_pem_of_a_certificate_are_two_things() -> None:
    der, pem = downloads.certificate(b"abc"), downloads.pem_certificate(b"abc")

    assert (der.media_type, der.body) == ("application/pkix-cert", b"abc")
    assert pem.media_type == "application/x-pem-file"
    assert pem.body == b"-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n"
    assert der.etag != pem.etag

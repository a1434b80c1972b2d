"""RFC 9773, 4.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_core import names
from ca_core.errors import NotFound
from ca_core.policy.profile import TLS_SERVER
from protocols import certificate_id
from protocols.certificate_id import CertificateId
from protocols.encoding import base64url
from tests.builders.authority import house
from tests.builders.certificate_ids import named

KEY = bytes(range(20))
SERIAL = bytes([0x40, *range(1, 20)])


def test_the_two_parts_are_key_identifier_and_serial() -> None:
    text = f"{base64url(KEY)}.{base64url(SERIAL)}"

    assert certificate_id.parse(text) == CertificateId(KEY, SERIAL.hex())


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        base64url(KEY),
        f"{base64url(KEY)}.",
        f".{base64url(SERIAL)}",
        f"{base64url(KEY)}.{base64url(SERIAL)}.",
        f"{base64url(KEY)}.{base64url(SERIAL)}=",
        f"{base64url(KEY)}=.{base64url(SERIAL)}",
        f"{base64url(KEY)} .{base64url(SERIAL)}",
        f"{base64url(KEY)}.{base64url(SERIAL[1:])}",
        f"{base64url(KEY)}.{base64url(bytes([0, *SERIAL]))}",
        f"{base64url(KEY)}.{base64url(bytes([0x80, *SERIAL[1:]]))}",
        f"{base64url(KEY)}.{SERIAL.hex()}",
        # The same octets, with stray bits at the end.
        f"{base64url(KEY)}.{base64url(SERIAL)[:-1]}N",
    ],
)
def test_what_cannot_be_one_of_ours_is_not_found(text: str) -> None:
    with pytest.raises(NotFound):
        certificate_id.parse(text)


@given(st.text())
def test_any_text_is_read_or_not_found(text: str) -> None:
    try:
        certificate_id.parse(text)
    except NotFound:
        return


async def test_a_certificate_has_one_name() -> None:
    plan = house().plan(TLS_SERVER, frozenset({names.dns("a.example")}))
    der = await house().signed(plan.tbs)

    found = certificate_id.parse(named(der))

    assert found.names(der)
    assert not CertificateId(KEY, found.serial).names(der)

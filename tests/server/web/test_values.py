"""Names and octets as the desk shows them."""

from __future__ import annotations

import pytest

from ca_core.policy.subject import subject_der
from server.web.values import certificate, octets, subject_text


@pytest.mark.parametrize(
    "text",
    [
        "CN=A123456789-63-YIRU,OU=RD,OU=RD2,OU=TWCA,O=TWCA,C=TW",
        "CN=王小明,O=範例股份有限公司,C=TW",
        r"CN=a\,O\=b,O=x\<y\>,C=TW",
        "serialNumber=7,CN=x,DC=shop,DC=example",
    ],
)
def test_a_subject_is_spelled_as_an_officer_types_it(text: str) -> None:
    assert subject_text(subject_der(text)) == text


@pytest.mark.parametrize("octets_", [b"", b"\x00", b"\x30\x03\x02\x01\x05"])
def test_what_is_no_name_has_no_text(octets_: bytes) -> None:
    assert subject_text(octets_) == ""


def test_octets_can_be_read_aloud() -> None:
    assert octets(bytes.fromhex("0123456789")) == "0123 4567 89"
    assert certificate("ab" * 20).serial == "ab" * 20

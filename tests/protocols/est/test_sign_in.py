"""RFC 7617: what an Authorization header says. Who gets in is in test_dialogue and test_renewal."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_core.errors import WrongSecret
from protocols.est.sign_in import basic_credentials
from tests.builders.est import basic


def test_account_and_code_are_split_at_the_first_colon() -> None:
    account, code = basic_credentials(basic("meter-7", "AB:CD:"))

    assert (account, code.reveal()) == ("meter-7", "AB:CD:")


def test_a_code_is_read_as_utf_8() -> None:
    _, code = basic_credentials(basic("meter-7", "密碼"))

    assert code.reveal() == "密碼"


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "Basic  "])
def test_the_scheme_is_read_without_case(scheme: str) -> None:
    account, _ = basic_credentials(basic("meter-7", "code").replace("Basic", scheme))

    assert account == "meter-7"


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic !",
        "Basic bWV0ZXI",
        "Basic bWV0ZXItNw==",
        "Basic bWV0ZXI6\u00e9",
        "Basic " + base64.b64encode(b"meter:\xff").decode(),
        "Basic " + base64.b64encode(b"meter:co\x00de").decode(),
        "Bearer bWV0ZXI6Y29kZQ==",
        basic("meter", "code") + ", " + basic("meter", "code"),
        basic("meter", "x" * 1024),
    ],
)
def test_a_header_that_cannot_be_read_opens_as_little_as_a_wrong_code(authorization: str) -> None:
    with pytest.raises(WrongSecret):
        basic_credentials(authorization)


@given(st.one_of(st.text(), st.binary().map(lambda data: "Basic " + base64.b64encode(data).decode())))
def test_any_header_is_read_or_refused(authorization: str) -> None:
    try:
        basic_credentials(authorization)
    except WrongSecret:
        return

"""RFC 4648, 7515 and 8951: each standard's base64 as strictly, or as leniently, as it says."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_core.errors import BadRequest
from protocols.encoding import base64url, from_base64url, lenient_base64, single_line_base64, wrapped_base64

PEM = b"-----BEGIN CERTIFICATE REQUEST-----\r\nAAEC\r\nAwQF\r\n-----END CERTIFICATE REQUEST-----\r\n"


@given(st.binary())
def test_base64url_comes_back_as_it_was(data: bytes) -> None:
    assert from_base64url(base64url(data)) == data


@given(st.text())
def test_one_value_has_one_base64url_spelling(text: str) -> None:
    try:
        data = from_base64url(text)
    except BadRequest:
        return

    assert base64url(data) == text


@pytest.mark.parametrize(
    "text",
    ["AA==", "AA=", "A", "AAAAA", "AB", "AAB", "A A", "AA\n", " AA", "A+", "A/", "A\u00e9", "\u0661\u0661"],
)
def test_what_is_not_canonical_base64url_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        from_base64url(text)


@given(st.binary())
def test_lenient_base64_returns_or_raises_one_of_ours(body: bytes) -> None:
    try:
        lenient_base64(body)
    except BadRequest:
        return


@given(st.binary(), st.sampled_from([wrapped_base64, single_line_base64, base64.encodebytes]))
def test_every_layout_can_be_read_again(data: bytes, encode: Callable[[bytes], bytes]) -> None:
    assert lenient_base64(encode(data)) == data


@pytest.mark.parametrize(
    "body",
    [
        b"AAECAwQF",
        b"AAECAwQF\r\n",
        b"AAEC\r\nAwQF",
        b"  AA\tEC\n\n\nAw\rQF  ",
        PEM,
        PEM.replace(b"\r\n", b"\n"),
        b"\n" + PEM + b"\r\n\r\n",
        PEM.replace(b"CERTIFICATE", b"NEW CERTIFICATE"),
    ],
)
def test_white_space_and_armour_do_not_matter(body: bytes) -> None:
    assert lenient_base64(body) == bytes(range(6))


@pytest.mark.parametrize(
    "body",
    [
        b"AAEC!",
        b"AAE",
        b"AA==AA==",
        b"AAEC=",
        b"AAEC==",
        b"AAEC====",
        b"AA======",
        b"====",
        b"AA==\r\nAAEC",
        b"AA_-",
        b"AAEC\0",
        PEM + b"AAEC",
        PEM + PEM,
        PEM.replace(b"-----END", b"----END"),
        "AAEC\u00e9".encode(),
        b"\x30\x03\x02\x01\x00",
    ],
)
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        lenient_base64(body)


@given(st.binary(min_size=1))
def test_wrapped_lines_have_64_columns_and_all_end_in_lf(data: bytes) -> None:
    *lines, last, rest = wrapped_base64(data).split(b"\n")

    assert rest == b""
    assert all(len(line) == 64 for line in lines)
    assert 1 <= len(last) <= 64


@given(st.binary())
def test_a_single_line_has_one_lf_at_its_end(data: bytes) -> None:
    assert single_line_base64(data).index(b"\n") == len(single_line_base64(data)) - 1

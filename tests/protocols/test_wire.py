"""HTTP as plain values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.wire import Peer, Request, digest_etag, is_matched, plain_text


@pytest.mark.parametrize(
    "written",
    [
        "application/pkcs10",
        "Application/PKCS10",
        " application/pkcs10 ; charset=utf-8",
        "application/pkcs10;a=b;c=d",
    ],
)
def test_a_media_type_is_read_without_case_and_parameters(written: str) -> None:
    request = Request("POST", "/", {"content-type": written}, b"", Peer("192.0.2.1"))

    assert request.media_type == "application/pkcs10"


def test_a_request_without_a_content_type_has_an_empty_media_type() -> None:
    assert Request("POST", "/", {}, b"", Peer("192.0.2.1")).media_type == ""


def test_plain_text_is_one_sentence_in_utf_8_with_a_final_newline() -> None:
    reply = plain_text(429, "später", ("Retry-After", "5"))

    assert reply.status == 429
    assert reply.headers == (("Content-Type", "text/plain; charset=utf-8"), ("Retry-After", "5"))
    assert reply.body == "später\n".encode()


@pytest.mark.parametrize("header", ['"a"', 'W/"a"', '"b", "a"', '"b",W/"a"', "*"])
def test_a_list_of_tags_strong_or_weak_is_matched(header: str) -> None:
    assert is_matched('"a"', header)


@pytest.mark.parametrize("header", ["", "a", '"b"', '"a', '"aa"', 'w/"a"'])
def test_other_tags_do_not_match(header: str) -> None:
    assert not is_matched('"a"', header)


@given(st.text())
def test_any_header_is_read(header: str) -> None:
    assert is_matched('"a"', header) in {True, False}


def test_another_body_has_another_entity_tag() -> None:
    assert digest_etag(b"a") == digest_etag(b"a") != digest_etag(b"b")
